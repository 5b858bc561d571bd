package dev.fovea;

/**
 * The weights with which Pillow's 8-bit bicubic filter mixes input positions into output positions,
 * along one axis and for the output positions that are wanted.
 *
 * <p>Follows {@code precompute_coeffs} and {@code normalize_coeffs_8bpc} of Pillow's {@code
 * src/libImaging/Resample.c} operation by operation, since the last bit of a weight can change a
 * sample. The arrays are kept and reused; not safe for use by several threads.
 */
final class ResizeAxis {

  /** Fraction bits of a weight: 8 of the 32 are the sample's, 2 are headroom for overshoot. */
  static final int FRACTION_BITS = 22;

  /** Half a unit, with which every sum starts so that it ends rounded. */
  static final int HALF = 1 << (FRACTION_BITS - 1);

  /** Width of the bicubic kernel to each side, in input positions when nothing is shrunk. */
  private static final double SUPPORT = 2;

  /** Keys' parameter: -0.5 as in Pillow; OpenCV and PyTorch take -0.75. */
  private static final double KEYS = -0.5;

  private int inputLength;
  private int outputLength;
  private int first;
  private int count;

  private int stride;
  private int[] starts = {};
  private int[] lengths = {};
  private int[] weights = {};
  private double[] unscaled = {};

  /**
   * Computes the weights of output positions {@code first} to {@code first + count - 1} when {@code
   * inputLength} positions become {@code outputLength}; does nothing if they are there already.
   */
  void prepare(int newInputLength, int newOutputLength, int newFirst, int newCount) {
    if (inputLength == newInputLength
        && outputLength == newOutputLength
        && first == newFirst
        && count == newCount) {
      return;
    }
    count = 0; // nothing is ready if an allocation fails below
    double scale = (double) newInputLength / newOutputLength;
    double filterScale = Math.max(scale, 1);
    stride = (int) Math.ceil(SUPPORT * filterScale) * 2 + 1;
    reserve(newCount);
    for (int i = 0; i < newCount; i++) {
      prepare(i, (newFirst + i + 0.5) * scale, filterScale, newInputLength);
    }
    inputLength = newInputLength;
    outputLength = newOutputLength;
    first = newFirst;
    count = newCount;
  }

  private void reserve(int newCount) {
    if (starts.length < newCount) {
      starts = new int[newCount];
    }
    if (lengths.length < newCount) {
      lengths = new int[newCount];
    }
    int needed = Math.multiplyExact(newCount, stride);
    if (weights.length < needed) {
      weights = new int[needed];
    }
    if (unscaled.length < stride) {
      unscaled = new double[stride];
    }
  }

  private void prepare(int index, double center, double filterScale, int input) {
    double support = SUPPORT * filterScale;
    double inverseScale = 1 / filterScale;
    int start = Math.max(0, (int) (center - support + 0.5));
    int length = Math.min(input, (int) (center + support + 0.5)) - start;
    double sum = 0;
    for (int i = 0; i < length; i++) {
      unscaled[i] = bicubic((i + start - center + 0.5) * inverseScale);
      sum += unscaled[i];
    }
    int offset = index * stride;
    for (int i = 0; i < length; i++) {
      double weight = sum == 0 ? unscaled[i] : unscaled[i] / sum;
      double fixed = weight * (1 << FRACTION_BITS);
      weights[offset + i] = (int) (weight < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    starts[index] = start;
    lengths[index] = length;
  }

  private static double bicubic(double distance) {
    double x = Math.abs(distance);
    if (x < 1) {
      return ((KEYS + 2) * x - (KEYS + 3)) * x * x + 1;
    }
    if (x < 2) {
      return (((x - 5) * x + 8) * x - 4) * KEYS;
    }
    return 0;
  }

  /** Number of output positions. */
  int count() {
    return count;
  }

  /** First input position that output {@code index}, counted from the first wanted one, mixes. */
  int start(int index) {
    return starts[index];
  }

  /** Number of input positions that output {@code index} mixes. */
  int length(int index) {
    return lengths[index];
  }

  /** Where the weights of output {@code index} begin in {@link #weights}. */
  int offset(int index) {
    return index * stride;
  }

  /** The weights of all outputs; not to be changed. */
  int[] weights() {
    return weights;
  }

  /** First input position that any wanted output reads. */
  int inputStart() {
    return starts[0];
  }

  /** One past the last input position that any wanted output reads. */
  int inputEnd() {
    return starts[count - 1] + lengths[count - 1];
  }
}
