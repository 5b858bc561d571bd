package dev.fovea;

import dev.fovea.kernels.WeightStorage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How far apart the results of one model on two devices are: after every block, and in what comes
 * out at the end.
 *
 * @param differences of the tokens after each block ({@code block 0}, ...) in the order of the
 *     forward pass, then of the finished tokens: {@link #CLS}, {@link #REGISTERS} if the model has
 *     them, {@link #PATCHES} and {@link #TOKENS}, all of these together; and of the {@link
 *     #EMBEDDING}, which has a forward pass of its own, in batches
 */
public record Parity(Map<String, Difference> differences) {

  /** Name of the finished CLS token. */
  public static final String CLS = "CLS";

  /** Name of the finished registers. */
  public static final String REGISTERS = "registers";

  /** Name of the finished patches. */
  public static final String PATCHES = "patches";

  /** Name of all finished tokens. */
  public static final String TOKENS = "tokens";

  /** Name of the embedding, as the model was opened to give it. */
  public static final String EMBEDDING = "embedding";

  /**
   * A difference between matrices of tokens; of several images, the worst of each figure.
   *
   * @param relativeL2 L2 norm of the difference, divided by that of the reference
   * @param largest absolute difference of an element
   * @param lowestCosine of a token and its counterpart
   */
  public record Difference(double relativeL2, double largest, double lowestCosine) {

    /** The worse of each figure; one that is no number is the worst. */
    private Difference worst(Difference other) {
      return new Difference(
          Math.max(relativeL2, other.relativeL2),
          Math.max(largest, other.largest),
          Math.min(lowestCosine, other.lowestCosine));
    }
  }

  /**
   * What is near enough.
   *
   * @param clsCosine least cosine of {@link #CLS} and {@link #EMBEDDING}
   * @param patchCosine least cosine of every patch
   * @param relativeL2 largest relative L2 difference of {@link #TOKENS}
   */
  public record Limits(double clsCosine, double patchCosine, double relativeL2) {

    /** For products of numbers with 11 bits of significand. */
    public static final Limits FLOAT16 = new Limits(0.9999, 0.9995, 5e-3);

    /** For products of numbers with 8 bits of significand. */
    public static final Limits BFLOAT16 = new Limits(0.9995, 0.998, 2e-2);

    /** For a GPU that keeps weights like this; a CPU, which is more exact, is within them too. */
    public static Limits of(WeightStorage storage) {
      return storage == WeightStorage.BF16 ? BFLOAT16 : FLOAT16;
    }
  }

  /**
   * Runs two models, which must differ in nothing but their device, on the same images.
   *
   * @param images at least one
   * @throws IllegalArgumentException if there are no images, or these are different models
   */
  public static Parity between(Fovea reference, Fovea other, List<Image> images) {
    if (images.isEmpty()) {
      throw new IllegalArgumentException("parity needs at least one image");
    }
    if (!reference.config().equals(other.config())
        || !reference.preprocessing().equals(other.preprocessing())
        || reference.embeddingLength() != other.embeddingLength()) {
      throw new IllegalArgumentException(
          "parity is of one model on two devices, got %s and %s".formatted(reference, other));
    }
    VitConfig config = reference.config();
    FeatureRequest request = FeatureRequest.of(Feature.TOKENS).withAllBlocks(config.depth());
    Map<String, Difference> worst = new LinkedHashMap<>();
    for (Image image : images) {
      compare(config, reference.features(image, request), other.features(image, request))
          .forEach((name, difference) -> worst.merge(name, difference, Difference::worst));
    }
    List<float[]> expected = reference.embedAll(images);
    List<float[]> actual = other.embedAll(images);
    for (int i = 0; i < expected.size(); i++) {
      Difference difference =
          difference(
              MemorySegment.ofArray(expected.get(i)),
              MemorySegment.ofArray(actual.get(i)),
              expected.get(i).length);
      worst.merge(EMBEDDING, difference, Difference::worst);
    }
    return new Parity(worst);
  }

  private static Map<String, Difference> compare(
      VitConfig config, Features reference, Features other) {
    int width = config.width();
    long row = (long) Float.BYTES * width;
    long tokens = reference.layout().shape(Feature.TOKENS)[0];
    MemorySegment blocks = reference.segment(Feature.BLOCKS);
    MemorySegment otherBlocks = other.segment(Feature.BLOCKS);
    Map<String, Difference> differences = new LinkedHashMap<>();
    for (int i = 0; i < config.depth(); i++) {
      Slice block = new Slice(i * tokens * row, tokens * row);
      differences.put("block " + i, block.difference(blocks, otherBlocks, width));
    }
    Map<String, Slice> finished = new LinkedHashMap<>();
    finished.put(CLS, new Slice(0, row));
    if (config.registers() > 0) {
      finished.put(REGISTERS, new Slice(row, config.registers() * row));
    }
    finished.put(PATCHES, new Slice(config.prefix() * row, (tokens - config.prefix()) * row));
    finished.put(TOKENS, new Slice(0, tokens * row));
    MemorySegment expected = reference.segment(Feature.TOKENS);
    MemorySegment actual = other.segment(Feature.TOKENS);
    finished.forEach(
        (name, slice) -> differences.put(name, slice.difference(expected, actual, width)));
    return differences;
  }

  /** A part of a matrix: whole rows, in bytes. */
  private record Slice(long offset, long bytes) {
    Difference difference(MemorySegment expected, MemorySegment actual, int width) {
      return Parity.difference(
          expected.asSlice(offset, bytes), actual.asSlice(offset, bytes), width);
    }
  }

  /** The difference between two matrices of native-order floats. */
  private static Difference difference(MemorySegment expected, MemorySegment actual, int width) {
    double squares = 0;
    double squaredDifferences = 0;
    double largest = 0;
    double lowestCosine = 1;
    long elements = expected.byteSize() / Float.BYTES;
    for (long token = 0; token < elements; token += width) {
      double dot = 0;
      double expectedSquares = 0;
      double actualSquares = 0;
      for (long i = token; i < token + width; i++) {
        double e = expected.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
        double a = actual.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
        dot += e * a;
        expectedSquares += e * e;
        actualSquares += a * a;
        squaredDifferences += (a - e) * (a - e);
        largest = Math.max(largest, Math.abs(a - e));
      }
      squares += expectedSquares;
      lowestCosine = Math.min(lowestCosine, cosine(dot, expectedSquares, actualSquares));
    }
    double relative = squaredDifferences == 0 ? 0 : Math.sqrt(squaredDifferences / squares);
    return new Difference(relative, largest, lowestCosine);
  }

  /** Two zero tokens are the same; one is as far from another as can be said. */
  private static double cosine(double dot, double expectedSquares, double actualSquares) {
    if (expectedSquares == 0 || actualSquares == 0) {
      return expectedSquares == actualSquares ? 1 : 0;
    }
    return dot / (Math.sqrt(expectedSquares) * Math.sqrt(actualSquares));
  }

  /** What is not near enough, a line each; empty if all is. */
  public List<String> violations(Limits limits) {
    List<String> violations = new ArrayList<>();
    checkCosine(CLS, limits.clsCosine(), violations);
    checkCosine(EMBEDDING, limits.clsCosine(), violations);
    checkCosine(PATCHES, limits.patchCosine(), violations);
    double relative = differences.get(TOKENS).relativeL2();
    if (!(relative <= limits.relativeL2())) { // so that NaN is a violation
      violations.add(
          "relative L2 difference of all tokens is %.2e, at most %.0e expected"
              .formatted(relative, limits.relativeL2()));
    }
    return violations;
  }

  private void checkCosine(String name, double least, List<String> violations) {
    double cosine = differences.get(name).lowestCosine();
    if (!(cosine >= least)) { // so that NaN is a violation
      violations.add(
          "lowest cosine of %s is %.6f, at least %s expected".formatted(name, cosine, least));
    }
  }
}
