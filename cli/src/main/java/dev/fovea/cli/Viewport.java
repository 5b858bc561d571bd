package dev.fovea.cli;

import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.analysis.Box;
import java.util.Optional;

/**
 * The part of an image that a model sees after resizing and cropping, to half a pixel.
 *
 * @param scaleX pixels that the model sees for one of the file's
 * @param scaleY pixels that the model sees for one of the file's
 * @param left of the crop, in resized pixels; negative where the image is padded
 * @param top of the crop, in resized pixels; negative where the image is padded
 * @param width of the crop
 * @param height of the crop
 */
record Viewport(double scaleX, double scaleY, double left, double top, int width, int height) {

  /** The part of an image of this size that preprocessing leaves. */
  static Viewport of(int width, int height, Preprocessing preprocessing) {
    Preprocessing whole = preprocessing.withSize(preprocessing.shortest(), 0, 0);
    Preprocessor.Size resized = Preprocessor.outputSize(width, height, whole);
    Preprocessor.Size seen = Preprocessor.outputSize(width, height, preprocessing);
    return new Viewport(
        (double) resized.width() / width,
        (double) resized.height() / height,
        (resized.width() - seen.width()) / 2.0,
        (resized.height() - seen.height()) / 2.0,
        seen.width(),
        seen.height());
  }

  /** A box in pixels of the file, in pixels that the model sees; none if it sees nothing of it. */
  Optional<Box> see(Box box) {
    Box resized = box.scaled(scaleX, scaleY);
    Box moved =
        new Box(
            resized.left() - left,
            resized.top() - top,
            resized.right() - left,
            resized.bottom() - top);
    boolean inside = moved.overlap(new Box(0, 0, width, height)) > 0;
    return inside ? Optional.of(moved.within(width, height)) : Optional.empty();
  }
}
