package dev.fovea.probes;

import dev.fovea.FoveaException;
import dev.fovea.ProgressListener;
import dev.fovea.probes.ImageSet.Sample;
import dev.fovea.probes.ProbeReport.PatchScore;
import dev.fovea.probes.ProbeReport.TokenScore;
import dev.fovea.probes.ProbeSettings.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * Runs probes: learns from the training images of a set, tests on its validation images.
 *
 * <p>The probes of "Vision Transformers Need Registers", section 2.2: how well single tokens
 * classify an image, and what normal and outlier patches still know of their place and their
 * pixels. One model of position and one of pixels learn from all patches, and are tested on both
 * kinds of patches apart.
 */
public final class Probes {

  private final TokenStore store;
  private final ImageSet images;
  private final ProbeSettings settings;
  private final ProgressListener progress;

  private Probes(
      TokenStore store, ImageSet images, ProbeSettings settings, ProgressListener progress) {
    this.store = store;
    this.images = images;
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Runs the probes that the settings ask for.
   *
   * @param progress told about the computation of tokens
   * @throws FoveaException if an image cannot be read, the cache cannot be written, there are no
   *     images, or classes are needed and there are fewer than two
   * @throws IllegalArgumentException if the images' sizes do not fit the model or each other, or
   *     the model has none of the tokens
   */
  public static ProbeReport run(
      TokenStore store, ImageSet images, ProbeSettings settings, ProgressListener progress) {
    return new Probes(store, images, settings, progress).run();
  }

  private ProbeReport run() {
    check();
    if (settings.classifies()) {
      compute(TokenStore.Kind.SUMMARY);
    }
    if (!settings.looksAtPatches()) {
      return new ProbeReport(
          OptionalDouble.empty(), classification(Double.POSITIVE_INFINITY), List.of());
    }
    compute(TokenStore.Kind.PATCHES);
    OptionalDouble cutoff = cutoff();
    double norm = cutoff.orElse(Double.POSITIVE_INFINITY);
    return new ProbeReport(cutoff, classification(norm), patches(norm));
  }

  /** By the norms of all patches of the training images; empty if none stands out. */
  private OptionalDouble cutoff() {
    List<float[]> norms =
        images.train().stream().map(sample -> store.patches(sample.file()).norms()).toList();
    float[] all = new float[norms.stream().mapToInt(image -> image.length).sum()];
    int end = 0;
    for (float[] image : norms) {
      System.arraycopy(image, 0, all, end, image.length);
      end += image.length;
    }
    return settings.outliers().cutoff(all);
  }

  private void check() {
    if (images.train().isEmpty() || images.validation().isEmpty()) {
      throw new FoveaException(
          "expected images to learn from and images to test on, got "
              + images.train().size()
              + " and "
              + images.validation().size());
    }
    if (settings.classifies() && images.classes().size() < 2) {
      throw new FoveaException(
          "expected a folder for each of two classes at least, found "
              + (images.classes().isEmpty() ? "none" : images.classes())
              + "; position and pixels need no classes");
    }
    if (settings.classifies() && tokens().isEmpty()) {
      throw new IllegalArgumentException(
          "expected a model with registers, " + store.model().source() + " has none");
    }
  }

  private List<Token> tokens() {
    return Token.all(settings.tokens(), store.model().config().registers());
  }

  private void compute(TokenStore.Kind kind) {
    List<Path> files =
        Stream.concat(images.train().stream(), images.validation().stream())
            .map(Sample::file)
            .toList();
    store.compute(files, kind, progress);
  }

  /** Scores of every token that the model has. */
  private List<TokenScore> classification(double cutoff) {
    if (!settings.classifies()) {
      return List.of();
    }
    return tokens().stream().map(token -> classification(token, cutoff)).toList();
  }

  /** No accuracy where too few images have such a token. */
  private TokenScore classification(Token token, double cutoff) {
    LabelledVectors train = vectors(images.train(), token, cutoff);
    LabelledVectors validation = vectors(images.validation(), token, cutoff);
    boolean enough =
        train.labels().stream().distinct().count() > 1 && !validation.vectors().isEmpty();
    OptionalDouble linear = OptionalDouble.empty();
    OptionalDouble neighbours = OptionalDouble.empty();
    int classes = images.classes().size();
    if (enough && settings.tasks().contains(Task.LINEAR)) {
      LinearMap probe = LogisticRegression.train(train, classes, settings.cost());
      linear = OptionalDouble.of(validation.accuracy(probe::largest));
    }
    if (enough && settings.tasks().contains(Task.KNN)) {
      NearestNeighbours nearest =
          new NearestNeighbours(train, classes, settings.neighbours(), settings.temperature());
      neighbours = OptionalDouble.of(validation.accuracy(nearest::predict));
    }
    return new TokenScore(token.label(), train.size(), validation.size(), linear, neighbours);
  }

  private LabelledVectors vectors(List<Sample> samples, Token token, double cutoff) {
    LabelledVectors vectors = new LabelledVectors();
    for (Sample sample : samples) {
      vector(sample.file(), token, cutoff).ifPresent(vector -> vectors.add(vector, sample.label()));
    }
    return vectors;
  }

  private Optional<float[]> vector(Path image, Token token, double cutoff) {
    return token.kind().isPatch()
        ? token.of(store.patches(image), cutoff, store.content(image), settings.seed())
        : Optional.of(token.of(store.summary(image)));
  }

  /** Scores of normal patches and of outliers. */
  private List<PatchScore> patches(double cutoff) {
    boolean position = settings.tasks().contains(Task.POSITION);
    boolean pixels = settings.tasks().contains(Task.PIXELS);
    if (!position && !pixels) {
      return List.of();
    }
    PatchTokens first = store.patches(images.train().getFirst().file());
    PatchProbe probe = trained(first);
    LinearMap positions = position ? probe.positions(settings.ridge()) : null;
    LinearMap values = pixels ? probe.pixels(settings.ridge()) : null;
    PatchTally normal = new PatchTally(positions, values);
    PatchTally others = new PatchTally(positions, values);
    for (Sample sample : images.validation()) {
      PatchTokens tokens = patches(sample, first);
      float[] targets = store.pixels(sample.file());
      for (int patch = 0; patch < tokens.count(); patch++) {
        (tokens.norms()[patch] > cutoff ? others : normal).add(tokens, patch, targets);
      }
    }
    return List.of(normal.score(false), others.score(true));
  }

  private PatchProbe trained(PatchTokens first) {
    int side = store.model().config().patch();
    PatchProbe probe = new PatchProbe(first.width(), first.count(), 3 * side * side);
    for (Sample sample : images.train()) {
      probe.add(patches(sample, first).tokens(), store.pixels(sample.file()));
    }
    return probe;
  }

  /**
   * The patches of an image, which must lie as the first one's: a position is a place in a grid.
   */
  private PatchTokens patches(Sample sample, PatchTokens first) {
    PatchTokens patches = store.patches(sample.file());
    if (patches.rows() != first.rows() || patches.columns() != first.columns()) {
      throw new IllegalArgumentException(
          "%s has %d x %d patches, the first training image %d x %d: choose a crop for all of them"
              .formatted(
                  sample.file(), patches.rows(), patches.columns(), first.rows(), first.columns()));
    }
    return patches;
  }
}
