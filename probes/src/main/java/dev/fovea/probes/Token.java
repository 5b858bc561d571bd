package dev.fovea.probes;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * One vector that stands for an image.
 *
 * @param kind what it is
 * @param register which one of the registers, if it is one
 */
public record Token(Kind kind, int register) {

  /** Kinds of tokens, all after the final LayerNorm. */
  public enum Kind {
    /** CLS. */
    CLS,
    /** The mean of the patches. */
    MEAN,
    /** A register. */
    REGISTER,
    /** A patch that is no outlier, drawn anew for every image. */
    NORMAL,
    /** A patch that is an outlier, drawn anew for every image that has any. */
    OUTLIER;

    /** Whether it is one of the patches. */
    boolean isPatch() {
      return this == NORMAL || this == OUTLIER;
    }
  }

  /** All tokens of some kinds that a model with this many registers has. */
  public static List<Token> all(List<Kind> kinds, int registers) {
    return kinds.stream()
        .flatMap(
            kind ->
                IntStream.range(0, kind == Kind.REGISTER ? registers : 1)
                    .mapToObj(register -> new Token(kind, register)))
        .toList();
  }

  /** Its name: cls, mean, register-0, normal, outlier. */
  public String label() {
    String name = kind.name().toLowerCase(Locale.ROOT);
    return kind == Kind.REGISTER ? name + "-" + register : name;
  }

  /** The vector in an image's tokens that are no patches. */
  float[] of(ImageSummary summary) {
    int width = summary.cls().length;
    return switch (kind) {
      case CLS -> summary.cls();
      case MEAN -> summary.mean();
      case REGISTER ->
          Arrays.copyOfRange(summary.registers(), register * width, (register + 1) * width);
      case NORMAL, OUTLIER -> throw new IllegalStateException(kind + " is a patch");
    };
  }

  /**
   * A patch of this kind; none if the image has none.
   *
   * @param cutoff norm above which a patch is an outlier
   * @param content the image's SHA-256, so that the draw depends on nothing but it and the seed
   */
  Optional<float[]> of(PatchTokens patches, double cutoff, String content, long seed) {
    int[] candidates =
        IntStream.range(0, patches.count())
            .filter(patch -> patches.norms()[patch] > cutoff == (kind == Kind.OUTLIER))
            .toArray();
    if (candidates.length == 0) {
      return Optional.empty();
    }
    long image = Long.parseUnsignedLong(content.substring(0, 16), 16);
    int drawn = new SplittableRandom(seed ^ image).nextInt(candidates.length);
    return Optional.of(patches.token(candidates[drawn]));
  }
}
