package dev.fovea.images;

import com.drew.imaging.ImageMetadataReader;
import com.drew.imaging.ImageProcessingException;
import com.drew.metadata.Metadata;
import com.drew.metadata.exif.ExifIFD0Directory;
import dev.fovea.Image;
import java.io.ByteArrayInputStream;
import java.io.IOException;

/**
 * The EXIF orientation: how a picture must be turned to stand upright.
 *
 * @param transposed whether rows and columns are exchanged (5 to 8)
 * @param flippedX whether the result's columns run against the stored direction
 * @param flippedY whether the result's rows run against the stored direction
 */
record Orientation(boolean transposed, boolean flippedX, boolean flippedY) {

  private static final int UPRIGHT = 1;

  /** The orientation of an encoded image; upright if it names none, or one that makes no sense. */
  static Orientation of(byte[] bytes) {
    return ofTag(tag(bytes));
  }

  private static int tag(byte[] bytes) {
    try {
      Metadata metadata =
          ImageMetadataReader.readMetadata(new ByteArrayInputStream(bytes), bytes.length);
      for (ExifIFD0Directory directory : metadata.getDirectoriesOfType(ExifIFD0Directory.class)) {
        Integer value = directory.getInteger(ExifIFD0Directory.TAG_ORIENTATION);
        if (value != null) {
          return value;
        }
      }
      return UPRIGHT;
    } catch (ImageProcessingException | IOException | RuntimeException _) {
      return UPRIGHT; // the pixels were fine, so a damaged comment is no reason to refuse them
    }
  }

  /** The orientation that a tag's value stands for. */
  static Orientation ofTag(int value) {
    return switch (value) {
      case 2 -> new Orientation(false, true, false);
      case 3 -> new Orientation(false, true, true);
      case 4 -> new Orientation(false, false, true);
      case 5 -> new Orientation(true, false, false);
      case 6 -> new Orientation(true, true, false);
      case 7 -> new Orientation(true, true, true);
      case 8 -> new Orientation(true, false, true);
      default -> new Orientation(false, false, false);
    };
  }

  /** The picture standing upright. */
  Image.Rgb apply(Image.Rgb stored) {
    if (!transposed && !flippedX && !flippedY) {
      return stored;
    }
    int width = transposed ? stored.height() : stored.width();
    int height = transposed ? stored.width() : stored.height();
    byte[] from = stored.samples();
    byte[] to = new byte[from.length];
    for (int y = 0, out = 0; y < height; y++) {
      for (int x = 0; x < width; x++, out += 3) {
        int u = flippedX ? width - 1 - x : x;
        int v = flippedY ? height - 1 - y : y;
        int in = 3 * (transposed ? u * stored.width() + v : v * stored.width() + u);
        to[out] = from[in];
        to[out + 1] = from[in + 1];
        to[out + 2] = from[in + 2];
      }
    }
    return new Image.Rgb(width, height, to);
  }
}
