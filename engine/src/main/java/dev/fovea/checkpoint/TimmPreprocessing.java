package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import dev.fovea.Preprocessing;
import java.util.List;

/**
 * How timm prepares photographs for a model: at the size of the stored grid (518 pixels for the
 * published DINOv2), if {@code pretrained_cfg} in {@code config.json} does not say otherwise.
 */
final class TimmPreprocessing {

  private TimmPreprocessing() {}

  /**
   * What timm's evaluation transform does.
   *
   * @param config config.json, or null if there is none
   * @param side of the images that the stored grid belongs to, in pixels
   * @throws CheckpointException if it is invalid, or describes what is not supported
   */
  static Preprocessing of(JsonObject config, int side) {
    Preprocessing usual = Preprocessing.DINOV2.withSize(side, side, side);
    if (config == null || !config.has("pretrained_cfg")) {
      return usual;
    }
    JsonObject json = config.object("pretrained_cfg");
    check(json, "interpolation", "bicubic");
    check(json, "crop_mode", "center");
    int crop = json.has("input_size") ? crop(json) : side;
    double part = json.has("crop_pct") ? json.number("crop_pct") : 1;
    if (!(part > 0 && part <= 1)) {
      throw expected(json, "crop_pct", "more than 0, and 1 at most");
    }
    try {
      return new Preprocessing(
          (int) Math.floor(crop / part),
          crop,
          crop,
          json.has("mean") ? ArtifactMetadata.channels(json, "mean") : usual.mean(),
          json.has("std") ? ArtifactMetadata.channels(json, "std") : usual.std(),
          usual.rounding());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.what() + ": " + e.getMessage(), e);
    }
  }

  private static void check(JsonObject json, String key, String supported) {
    if (json.has(key) && !json.text(key).equals(supported)) {
      throw expected(json, key, supported);
    }
  }

  private static int crop(JsonObject json) {
    List<?> size = json.list("input_size");
    if (size.size() == 3
        && size.get(0) instanceof Long channels
        && size.get(1) instanceof Long height
        && size.get(2) instanceof Long width
        && channels == 3
        && height.equals(width)
        && height >= 1
        && height <= Preprocessing.LARGEST_SIDE) {
      return height.intValue();
    }
    throw expected(json, "input_size", "three channels and a square");
  }

  private static CheckpointException expected(JsonObject json, String key, String expected) {
    return new CheckpointException(
        "%s: expected %s for \"%s\", got %s%s"
            .formatted(
                json.what(),
                expected,
                key,
                Quoted.of(json.required(key)),
                HuggingFacePreprocessor.WAY_OUT));
  }
}
