package dev.fovea.cli;

import dev.fovea.Image;

/**
 * A normalised image of whole patches, with zeros (the mean colour) to the right and below.
 *
 * @param planes with the padding
 * @param width pixels without the padding
 * @param height pixels without the padding
 * @param scaleX width of the file's image divided by {@code width}
 * @param scaleY height of the file's image divided by {@code height}
 */
record PaddedImage(Image.Planes planes, int width, int height, double scaleX, double scaleY) {

  /** Pads an image that was made from one of another size. */
  static PaddedImage of(Image.Planes image, int patch, int fileWidth, int fileHeight) {
    int width = (image.width() + patch - 1) / patch * patch;
    int height = (image.height() + patch - 1) / patch * patch;
    float[] samples = new float[3 * width * height];
    for (int row = 0; row < 3 * image.height(); row++) {
      int target = row / image.height() * height + row % image.height();
      System.arraycopy(
          image.samples(), row * image.width(), samples, target * width, image.width());
    }
    return new PaddedImage(
        new Image.Planes(width, height, samples),
        image.width(),
        image.height(),
        (double) fileWidth / image.width(),
        (double) fileHeight / image.height());
  }
}
