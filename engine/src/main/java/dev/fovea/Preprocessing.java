package dev.fovea;

import java.util.Objects;

/**
 * From a photograph to the pixels that a model was trained on: resize the shortest side (bicubic,
 * as Pillow does), crop the centre, normalise.
 *
 * @param shortest length of the shorter side after resizing, in pixels; 0 leaves the size alone
 * @param cropHeight height of the centre crop in pixels; 0 for no crop
 * @param cropWidth width of the centre crop in pixels; 0 for no crop
 * @param mean of each channel (R, G, B), for samples in 0..1
 * @param std standard deviation of each channel, for samples in 0..1
 * @param rounding whose rounding of the crop's place is followed
 */
public record Preprocessing(
    int shortest, int cropHeight, int cropWidth, Channels mean, Channels std, Rounding rounding) {

  /** A value for each colour channel. */
  public record Channels(double red, double green, double blue) {
    /** The value of channel 0 (red), 1 (green) or 2 (blue). */
    public double get(int channel) {
      return switch (channel) {
        case 0 -> red;
        case 1 -> green;
        case 2 -> blue;
        default -> throw new IndexOutOfBoundsException("channel " + channel);
      };
    }
  }

  /** Whose rounding is followed where implementations differ, by a pixel. */
  public enum Rounding {
    /**
     * torchvision's, which the original DINOv2 code uses: the crop starts at half the difference
     * rounded half to even; of an odd padding, the larger half comes after the image.
     */
    ORIGINAL,
    /**
     * Hugging Face's: the crop starts at half the difference rounded down; of an odd padding, the
     * larger half comes before the image.
     */
    HUGGING_FACE
  }

  /** Longest side that photographs can be brought to, in pixels. */
  public static final int LARGEST_SIDE = 1 << 16;

  /** What DINOv2 was evaluated with: shortest side 256, crop 224 x 224, ImageNet statistics. */
  public static final Preprocessing DINOV2 =
      new Preprocessing(
          256,
          224,
          224,
          new Channels(0.485, 0.456, 0.406),
          new Channels(0.229, 0.224, 0.225),
          Rounding.ORIGINAL);

  /** Checks the ranges. */
  public Preprocessing {
    Objects.requireNonNull(mean, "mean");
    Objects.requireNonNull(std, "std");
    Objects.requireNonNull(rounding, "rounding");
    if (shortest < 0 || cropHeight < 0 || cropWidth < 0 || (cropHeight == 0) != (cropWidth == 0)) {
      throw new IllegalArgumentException(
          "resize "
              + shortest
              + ", crop "
              + cropHeight
              + " x "
              + cropWidth
              + ": sizes are positive, or 0 for none");
    }
    if (Math.max(shortest, Math.max(cropHeight, cropWidth)) > LARGEST_SIDE) {
      throw new IllegalArgumentException(
          "resize %d, crop %d x %d: sizes of more than %d pixels are not supported"
              .formatted(shortest, cropHeight, cropWidth, LARGEST_SIDE));
    }
    for (int channel = 0; channel < 3; channel++) {
      float deviation = (float) std.get(channel);
      float lowest = (float) -mean.get(channel) / deviation;
      float highest = (1 - (float) mean.get(channel)) / deviation;
      if (!(deviation > 0) || !Float.isFinite(lowest) || !Float.isFinite(highest)) {
        throw new IllegalArgumentException(
            "mean " + mean + " and std " + std + " must be finite in float32, std positive");
      }
    }
  }

  /** The same with another size. */
  public Preprocessing withSize(int newShortest, int newCropHeight, int newCropWidth) {
    return new Preprocessing(newShortest, newCropHeight, newCropWidth, mean, std, rounding);
  }

  /** The same with another rounding. */
  public Preprocessing withRounding(Rounding newRounding) {
    return new Preprocessing(shortest, cropHeight, cropWidth, mean, std, newRounding);
  }
}
