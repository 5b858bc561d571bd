package dev.fovea.kernels;

/**
 * A Vision Transformer in seven verbs. Each call appends one step to the plan that {@link #build}
 * returns; nothing is computed before that plan runs.
 *
 * <p>A verb that takes {@link Rows} reads these rows of every image and writes the same rows of its
 * result; the others are left as they were. Wrong sizes, and handles of another recorder or device,
 * are an {@link IllegalArgumentException}.
 *
 * <p>Close a recorder in any case: what it holds belongs to the plan only when there is one.
 */
public interface Recorder extends AutoCloseable {

  /**
   * Declares an input of 8-bit RGB images whose samples are looked up on the way in.
   *
   * @param images images in the batch
   * @param height pixels, a multiple of the patch size
   * @param width pixels, a multiple of the patch size
   * @param lookup [3, 256]: the normalised value of every sample of every channel
   */
  Pixels rgb(int images, int height, int width, float[] lookup);

  /** Declares an input of already normalised float planes, [images, 3, height, width]. */
  Pixels planes(int images, int height, int width);

  /** Declares an activation matrix. */
  Tokens tokens(int images, int rows, int width);

  /**
   * Pixels to tokens: patch projection, bias and position embedding, CLS and registers in place.
   *
   * @param x gets CLS, registers, patches in row-major order; [images, positions.tokens(), width]
   */
  void patchEmbed(
      Pixels pixels, Packed<PatchEmbedWeights> weights, PositionTable positions, Tokens x);

  /**
   * {@code y = act(norm(x) W^T + b)}.
   *
   * @param columns the columns of y that are wanted, on head boundaries (multiples of 64) or all
   */
  void normLinear(
      Tokens x, Rows rows, Packed<NormLinearWeights> weights, Columns columns, Tokens y);

  /**
   * {@code y = softmax(q k^T / sqrt(d)) v} for every head, over all tokens of the same image.
   *
   * @param qkv [images, tokens, 3 x heads x d]: all queries, all keys, all values; inside each,
   *     head after head
   * @param queries the rows that are wanted
   * @param y [images, tokens, heads x d]
   */
  void attention(Tokens qkv, int heads, Rows queries, Tokens y);

  /**
   * {@link #attention(Tokens, int, Rows, Tokens)} that also keeps the softmax probabilities of some
   * of its query rows.
   *
   * @param watched a part of {@code queries}
   * @param probabilities gets [images, heads x watched.count(), tokens]: for every head, every
   *     watched query's row
   */
  void attention(Tokens qkv, int heads, Rows queries, Tokens y, Rows watched, Tokens probabilities);

  /** {@code x += gamma * (a W^T + b)}: projection or second MLP matrix, LayerScale and residual. */
  void linearAdd(Tokens a, Rows rows, Packed<LinearAddWeights> weights, Tokens x);

  /** {@code y = norm(x)}. */
  void norm(Tokens x, Rows rows, Packed<NormWeights> weights, Tokens y);

  /**
   * One embedding an image.
   *
   * @param x finished tokens; CLS is row 0
   * @param prefix rows that are not patches: 1 + registers
   * @param normalize divides the embedding by its L2 norm (a zero embedding stays zero)
   * @param y [images, 1, width or 2 x width]
   */
  void pool(Tokens x, int prefix, Pooling pooling, boolean normalize, Tokens y);

  /**
   * Takes what some columns hold away from all rows but one, image by image.
   *
   * @param x is changed, in these columns only
   * @param columns different from each other, in any order
   * @param row the one that gets it, of any image; it is among the rows that are looked at
   * @param move what it gets
   */
  void moveToRow(Tokens x, int[] columns, int row, Move move);

  /** Copies a part of a matrix, as it is at this point of the plan, to host memory. */
  HostBuffer read(Tokens tokens, Rows rows, Columns columns);

  /**
   * Gives a part of a matrix, from this point of the plan on, the same elements in every image.
   *
   * @param elements [rows, columns], which are copied now
   */
  void write(float[] elements, Rows rows, Columns columns, Tokens tokens);

  /** Ends the recording. The recorder cannot be used again. */
  Plan build();

  /**
   * Gives up a recording that was not built, and frees what it holds; the recorder cannot be used
   * again. After {@link #build} there is nothing to free. Idempotent.
   */
  @Override
  void close();
}
