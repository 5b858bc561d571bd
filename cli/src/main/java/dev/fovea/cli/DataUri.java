package dev.fovea.cli;

import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.plots.PatchPixels;
import dev.fovea.plots.Picture;
import java.util.Base64;

/** Pictures as addresses that hold them, for pages that need no other file. */
final class DataUri {

  private DataUri() {}

  /** A chart, fine enough for any screen. */
  static String chart(Picture picture) {
    return png(picture.png(2));
  }

  static String photograph(Image.Rgb image) {
    return png(PatchPixels.photograph(image));
  }

  /** Every patch in the colour of its value, as {@link PatchPixels#heat}. */
  static String heat(PatchGrid grid, float[] values, double least, double most) {
    return png(PatchPixels.heat(grid, values, least, most));
  }

  /** Every patch in a colour of its own, as {@link PatchPixels#colors}. */
  static String colors(PatchGrid grid, int[] colors) {
    return png(PatchPixels.colors(grid, colors));
  }

  private static String png(byte[] file) {
    return "data:image/png;base64," + Base64.getEncoder().encodeToString(file);
  }
}
