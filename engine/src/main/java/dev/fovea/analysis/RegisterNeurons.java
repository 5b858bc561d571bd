package dev.fovea.analysis;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.RegisterNeuron;
import dev.fovea.TestTimeRegister;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The hidden neurons of a model, ranked by how active they are at the outliers of some images.
 *
 * @param outliers by which they were ranked; there is at least one
 * @param highestBlock the last block whose neurons were looked at, from 0
 * @param ranking all neurons of the blocks up to that one, the most active first; of equal ones
 *     that of the lower block and index
 * @see <a href="https://arxiv.org/abs/2506.08010">Vision Transformers Don't Need Trained Registers,
 *     algorithm 1</a>
 */
public record RegisterNeurons(Outliers outliers, int highestBlock, List<RegisterNeuron> ranking) {

  /**
   * One of so many is usually enough: the paper moves 10 of 18,432 neurons (OpenCLIP ViT-B/16), 45
   * of 73,728 (DINOv2 ViT-L/14) and 300 of 576,000 (InternViT-6B).
   */
  private static final int USUAL_SHARE = 1800;

  /** Times the usual number, at most. */
  private static final int MOST = 16;

  /** Hidden activations of one image that are held at a time, unless one block has more. */
  private static final long MOST_BYTES = 64L << 20;

  /**
   * Where to look.
   *
   * @param rule which patches are outliers
   * @param block after which block, from 0; null for the last one. In DINOv2 ViT-L norms fall again
   *     in the last block, and the one before shows more
   * @param highestBlock the last block whose neurons are looked at; null for the one after which
   *     half of the outliers are there: later neurons only react to them
   */
  public record Search(OutlierRule rule, Integer block, Integer highestBlock) {

    /** Wherever the norms show a valley. */
    public static final Search DEFAULT = new Search(new OutlierRule.Valley(), null, null);
  }

  /**
   * What a test-time register makes of the outliers.
   *
   * @param register of the first neurons of the ranking
   * @param remaining patches whose norms are still above the cutoff
   */
  public record Choice(TestTimeRegister register, int remaining) {}

  /** Copies the ranking. */
  public RegisterNeurons {
    ranking = List.copyOf(ranking);
  }

  /**
   * Ranks the neurons of a model.
   *
   * @param images iterated over twice, so that they need not all be in memory
   * @throws IllegalArgumentException if there are no images, no outliers, or no such block
   */
  public static RegisterNeurons find(Fovea model, Iterable<Image> images, Search search) {
    return find(model, images, search, MOST_BYTES);
  }

  /** As {@link #find(Fovea, Iterable, Search)}, with so many bytes of an image held at a time. */
  static RegisterNeurons find(Fovea model, Iterable<Image> images, Search search, long mostBytes) {
    List<TokenStatistics> statistics = new ArrayList<>();
    images.forEach(image -> statistics.add(TokenStatistics.of(model, image)));
    int depth = model.config().depth();
    int block = search.block() == null ? depth - 1 : search.block();
    Outliers outliers = Outliers.find(statistics, search.rule(), block);
    if (outliers.count() == 0) {
      throw new IllegalArgumentException(
          "none of %,d patches in %d images is an outlier after block %d: give more images, or"
                  .formatted(outliers.patches(), statistics.size(), block)
              + " another method, cutoff or block");
    }
    int highest = search.highestBlock() == null ? medianFirst(outliers) : search.highestBlock();
    if (highest < 0 || highest >= depth) {
      throw new IllegalArgumentException(
          "block %d does not exist; the model has blocks 0 to %d".formatted(highest, depth - 1));
    }
    double[][] scores = scores(model, images, outliers, highest + 1, mostBytes);
    return new RegisterNeurons(outliers, highest, ranked(scores));
  }

  /** The block after which half of the outliers are there. */
  private static int medianFirst(Outliers outliers) {
    int[] first =
        outliers.images().stream()
            .flatMap(image -> image.outliers().stream())
            .mapToInt(Outliers.Outlier::firstBlock)
            .sorted()
            .toArray();
    return first[(first.length - 1) / 2];
  }

  /** Mean absolute activation at the outliers, [blocks, hidden]. */
  private static double[][] scores(
      Fovea model, Iterable<Image> images, Outliers outliers, int blocks, long mostBytes) {
    double[][] scores = new double[blocks][model.config().hidden()];
    int index = 0;
    for (Image image : images) {
      List<Integer> patches = outliers.images().get(index).patches();
      if (!patches.isEmpty()) {
        add(model, image, patches, scores, mostBytes);
      }
      index++;
    }
    for (double[] block : scores) {
      for (int neuron = 0; neuron < block.length; neuron++) {
        block[neuron] /= outliers.count();
      }
    }
    return scores;
  }

  /** Some blocks at a time, as many as the bytes hold, but one at least. */
  private static void add(
      Fovea model, Image image, List<Integer> patches, double[][] scores, long mostBytes) {
    long bytes = model.layout(image, FeatureRequest.ofHidden(0)).bytes(Feature.HIDDEN);
    int atOnce = Math.clamp(mostBytes / bytes, 1, scores.length);
    for (int first = 0; first < scores.length; first += atOnce) {
      int[] blocks = IntStream.range(first, Math.min(first + atOnce, scores.length)).toArray();
      Features features = model.features(image, FeatureRequest.ofHidden(blocks));
      float[] hidden = features.get(Feature.HIDDEN);
      int tokens = features.layout().shape(Feature.HIDDEN)[1];
      for (int block : blocks) {
        for (int patch : patches) {
          int row = (block - first) * tokens + features.layout().prefix() + patch;
          add(hidden, row, scores[block]);
        }
      }
    }
  }

  private static void add(float[] hidden, int row, double[] sums) {
    for (int neuron = 0; neuron < sums.length; neuron++) {
      sums[neuron] += Math.abs(hidden[row * sums.length + neuron]);
    }
  }

  private static List<RegisterNeuron> ranked(double[][] scores) {
    List<RegisterNeuron> neurons = new ArrayList<>();
    for (int block = 0; block < scores.length; block++) {
      for (int neuron = 0; neuron < scores[block].length; neuron++) {
        neurons.add(new RegisterNeuron(block, neuron, scores[block][neuron]));
      }
    }
    neurons.sort(Comparator.comparingDouble(neuron -> -neuron.score())); // A stable sort.
    return neurons;
  }

  /** How many neurons make outliers in published models, for as many as were looked at here. */
  public int usualCount() {
    return Math.max(1, Math.round((float) ranking.size() / USUAL_SHARE));
  }

  /**
   * A register that takes over the first neurons of the ranking.
   *
   * @param count how many
   * @param model the one that was searched
   * @throws IllegalArgumentException if there are not so many
   */
  public TestTimeRegister register(Fovea model, int count, TestTimeRegister.Form form) {
    if (count < 1 || count > ranking.size()) {
      throw new IllegalArgumentException(
          "the number of neurons must be from 1 to %d, got %d".formatted(ranking.size(), count));
    }
    return new TestTimeRegister(ranking.subList(0, count), form, model.fingerprint());
  }

  /**
   * Tries the usual number of neurons, and twice as many as long as outliers remain, up to sixteen
   * times the usual number.
   *
   * @param model the one that was searched
   * @param images in which it was searched; iterated over for every try
   * @return the one that leaves the fewest outliers; of several the one with the fewest neurons
   */
  public Choice choose(Fovea model, Iterable<Image> images, TestTimeRegister.Form form) {
    Choice best = null;
    for (int count = usualCount();
        count <= Math.min(MOST * usualCount(), ranking.size());
        count *= 2) {
      Choice choice = tried(model, images, register(model, count, form));
      best = best == null || choice.remaining() < best.remaining() ? choice : best;
      if (best.remaining() == 0) {
        break;
      }
    }
    return best;
  }

  /** Counts the outliers that a register leaves, by the cutoff that made them outliers. */
  public Choice tried(Fovea model, Iterable<Image> images, TestTimeRegister register) {
    double cutoff = outliers.cutoff().orElseThrow();
    FeatureRequest request = TokenStatistics.request(model.config()).withRegisters(register);
    int remaining = 0;
    for (Image image : images) {
      TokenStatistics statistics =
          TokenStatistics.of(model.features(image, request), model.config());
      for (float norm : statistics.patches(outliers.block())) {
        remaining += norm > cutoff ? 1 : 0;
      }
    }
    return new Choice(register, remaining);
  }
}
