package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import dev.fovea.Preprocessing;

/** The preprocessor_config.json of a Hugging Face directory. */
final class HuggingFacePreprocessor {

  /** The number that Pillow gives to bicubic resampling. */
  private static final long BICUBIC = 3;

  /** What somebody can do who has a file that describes something else. */
  static final String WAY_OUT =
      "; delete the file, or say how pixels are to be prepared (Options.withPreprocessing)";

  private HuggingFacePreprocessor() {}

  /**
   * What the file describes, with Hugging Face's rounding.
   *
   * @throws CheckpointException if it is invalid, or describes what is not supported
   */
  static Preprocessing parse(JsonObject json) {
    if (json.has("resample") && !Long.valueOf(BICUBIC).equals(json.required("resample"))) {
      throw expected(json, "resample", "3 (bicubic)");
    }
    if (!json.flag("do_rescale", true)
        || (json.has("rescale_factor") && !isOneByte(json.number("rescale_factor")))) {
      throw new CheckpointException(
          json.what()
              + ": expected samples to be rescaled by 1/255, as in published models"
              + WAY_OUT);
    }
    int shortest = json.flag("do_resize", true) ? shortest(json) : 0;
    boolean crop = json.flag("do_center_crop", true);
    boolean normalize = json.flag("do_normalize", true);
    try {
      return new Preprocessing(
          shortest,
          crop ? cropSide(json, "height") : 0,
          crop ? cropSide(json, "width") : 0,
          normalize
              ? ArtifactMetadata.channels(json, "image_mean")
              : new Preprocessing.Channels(0, 0, 0),
          normalize
              ? ArtifactMetadata.channels(json, "image_std")
              : new Preprocessing.Channels(1, 1, 1),
          Preprocessing.Rounding.HUGGING_FACE);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.what() + ": " + e.getMessage(), e);
    }
  }

  private static boolean isOneByte(double factor) {
    return Math.abs(factor * 255 - 1) < 1e-6;
  }

  private static int shortest(JsonObject json) {
    if (json.required("size") instanceof Long) {
      return side(json, "size");
    }
    JsonObject size = json.object("size");
    if (!size.has("shortest_edge")) {
      throw expected(json, "size", "an integer or an object with \"shortest_edge\"");
    }
    return side(size, "shortest_edge");
  }

  private static int cropSide(JsonObject json, String key) {
    return json.required("crop_size") instanceof Long
        ? side(json, "crop_size")
        : side(json.object("crop_size"), key);
  }

  private static int side(JsonObject json, String key) {
    int side = json.count(key);
    if (side < 1 || side > Preprocessing.LARGEST_SIDE) {
      throw expected(json, key, "a size from 1 to " + Preprocessing.LARGEST_SIDE + " pixels");
    }
    return side;
  }

  private static CheckpointException expected(JsonObject json, String key, String expected) {
    return new CheckpointException(
        json.what()
            + ": expected "
            + expected
            + " for \""
            + key
            + "\", got "
            + Quoted.of(json.required(key))
            + WAY_OUT);
  }
}
