package dev.fovea;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An image on its way into a plan: resized and cropped where it is RGB, checked where it is
 * normalised already. Used again and again, so that a stream of images of one size allocates
 * nothing, and one of several sizes a few objects.
 */
final class PreparedImage {

  private final Preprocessing preprocessing;
  private final Preprocessor preprocessor;
  private Image image;
  private boolean rgb;
  private int inputWidth;
  private int inputHeight;
  private int width;
  private int height;

  /** Of an RGB image; kept where the next one has as many, or none. */
  private MemorySegment samples = MemorySegment.ofArray(new byte[0]);

  PreparedImage(Preprocessing preprocessing) {
    this.preprocessing = preprocessing;
    this.preprocessor = new Preprocessor(preprocessing);
  }

  /**
   * The size that an image has when the model sees it.
   *
   * @throws IllegalArgumentException if it does not divide into patches
   */
  static Preprocessor.Size size(Image image, Preprocessing preprocessing, int patch) {
    Preprocessor.Size size =
        switch (image) {
          case Image.Rgb photograph ->
              Preprocessor.outputSize(photograph.width(), photograph.height(), preprocessing);
          case Image.Planes planes -> new Preprocessor.Size(planes.width(), planes.height());
        };
    if (size.width() % patch != 0 || size.height() % patch != 0) {
      throw new IllegalArgumentException(
          String.format(
              "the model sees an image of %d x %d (width x height); both must be multiples of its"
                  + " patch size %d: choose another crop, for example %d x %d",
              size.width(),
              size.height(),
              patch,
              Math.max(1, size.width() / patch) * patch,
              Math.max(1, size.height() / patch) * patch));
    }
    return size;
  }

  /** Takes an image in; {@link #copyTo} gives its pixels out. */
  void prepare(Image next, int patch) {
    if (!isLike(next)) {
      Preprocessor.Size size = size(next, preprocessing, patch);
      int bytes = 3 * size.width() * size.height();
      if (next instanceof Image.Rgb && samples.byteSize() != bytes) {
        samples = MemorySegment.ofArray(new byte[bytes]); // First: if it fails, nothing changes.
      }
      inputWidth = next.width();
      inputHeight = next.height();
      rgb = next instanceof Image.Rgb;
      width = size.width();
      height = size.height();
    }
    image = next;
    switch (next) {
      case Image.Rgb photograph -> preprocessor.apply(photograph, samples);
      case Image.Planes planes -> checkFinite(planes);
    }
  }

  /** Whether the sizes that the last image led to hold for this one, too. */
  private boolean isLike(Image next) {
    return next.width() == inputWidth
        && next.height() == inputHeight
        && next instanceof Image.Rgb == rgb;
  }

  private static void checkFinite(Image.Planes planes) {
    float[] values = planes.samples();
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        int plane = planes.width() * planes.height();
        throw new IllegalArgumentException(
            String.format(
                "pixel x %d, y %d of plane %d is %s; planes must be finite",
                i % planes.width(), i % plane / planes.width(), i / plane, values[i]));
      }
    }
  }

  boolean isRgb() {
    return rgb;
  }

  int width() {
    return width;
  }

  int height() {
    return height;
  }

  boolean sameShape(PreparedImage other) {
    return rgb == other.rgb && width == other.width && height == other.height;
  }

  /** Copies the pixels into a plan's input, from byte {@code offset} on. */
  void copyTo(MemorySegment target, long offset) {
    switch (image) {
      case Image.Rgb photograph ->
          MemorySegment.copy(samples, 0, target, offset, samples.byteSize());
      case Image.Planes planes ->
          MemorySegment.copy(
              planes.samples(),
              0,
              target,
              ValueLayout.JAVA_FLOAT_UNALIGNED,
              offset,
              planes.samples().length);
    }
  }

  /** Lets go of the caller's image. */
  void forget() {
    image = null;
  }
}
