package dev.fovea;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How the stored grid of position embeddings becomes one for another image size. The policy belongs
 * to the code that a checkpoint was published with: the same register-free weights have three
 * different right answers away from their native grid.
 */
public enum PositionPolicy {
  /**
   * Bicubic with antialias (a = -0.5), by target size: every model with registers, and all of timm.
   */
  SIZE_ANTIALIAS,
  /**
   * Bicubic without antialias (A = -0.75), by the factor (grid + 0.1) / stored grid: the original
   * code for models without registers.
   */
  OFFSET,
  /**
   * Bicubic without antialias (A = -0.75), by target size: Hugging Face for models without
   * registers.
   */
  SIZE;

  /** The name in artifacts and on the command line: "size-antialias", "offset", "size". */
  public String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The policy of an {@link #id}.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public static PositionPolicy of(String id) {
    return Arrays.stream(values())
        .filter(policy -> policy.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no position policy '"
                        + id
                        + "'; there are "
                        + Arrays.stream(values())
                            .map(PositionPolicy::id)
                            .collect(Collectors.joining(", "))));
  }
}
