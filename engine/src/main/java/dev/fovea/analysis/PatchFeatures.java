package dev.fovea.analysis;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.VitConfig;
import java.util.Arrays;
import java.util.List;

/**
 * One vector for each patch of an image.
 *
 * @param grid how the patches lie
 * @param width channels, D
 * @param values [P, D]
 */
public record PatchFeatures(PatchGrid grid, int width, float[] values) {

  /** What stands for a patch. */
  public enum Source {
    /** Its finished token. */
    TOKENS(Feature.PATCHES),
    /** Its key in the last block, all heads side by side. */
    KEYS(Feature.KEYS),
    /** Its query in the last block, all heads side by side. */
    QUERIES(Feature.QUERIES),
    /** Its value in the last block, all heads side by side. */
    VALUES(Feature.VALUES);

    private final Feature feature;

    Source(Feature feature) {
      this.feature = feature;
    }

    /** What {@link PatchFeatures#of(Features, Source, VitConfig)} needs. */
    public FeatureRequest request() {
      return FeatureRequest.of(feature);
    }
  }

  /** Checks the sizes against each other. */
  public PatchFeatures {
    if (width < 1 || values.length != (long) grid.patches() * width) {
      throw new IllegalArgumentException(
          "expected %d values for each of %s patches, got %d in all"
              .formatted(width, grid, values.length));
    }
  }

  /**
   * Computes those of an image.
   *
   * @throws IllegalArgumentException if its size does not fit the model
   */
  public static PatchFeatures of(Fovea model, Image image, Source source) {
    return of(model.features(image, source.request()), source, model.config());
  }

  /**
   * Takes them from features that are there, without those of CLS and registers.
   *
   * @throws IllegalArgumentException if they were not asked for
   */
  public static PatchFeatures of(Features features, Source source, VitConfig config) {
    PatchGrid grid = features.layout().grid();
    float[] rows = features.get(source.feature);
    int patches = grid.patches() * config.width();
    return new PatchFeatures(
        grid, config.width(), Arrays.copyOfRange(rows, rows.length - patches, rows.length));
  }

  /**
   * The vectors of several images one after another, [patches of all, D].
   *
   * @throws IllegalArgumentException if there are no images, or they are of different models
   */
  public static float[] join(List<PatchFeatures> images) {
    if (images.isEmpty()) {
      throw new IllegalArgumentException("expected at least one image");
    }
    int width = images.getFirst().width();
    if (images.stream().anyMatch(image -> image.width() != width)) {
      throw new IllegalArgumentException("the images have gone through different models");
    }
    int patches = images.stream().mapToInt(image -> image.grid().patches()).sum();
    float[] rows = new float[Math.multiplyExact(patches, width)];
    int end = 0;
    for (PatchFeatures image : images) {
      System.arraycopy(image.values(), 0, rows, end, image.values().length);
      end += image.values().length;
    }
    return rows;
  }
}
