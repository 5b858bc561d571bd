package dev.fovea;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * Resizes and crops images as {@link Preprocessing} says, byte for byte as Pillow with torchvision
 * or Hugging Face's image processor do.
 *
 * <p>An instance keeps its scratch memory and the filter weights of the last size, so that a stream
 * of images allocates nothing; use each instance from one thread at a time. Measured with 12
 * megapixels to 224 x 224 on one core: 25 ms.
 */
public final class Preprocessor {

  /** A size in pixels. */
  public record Size(int width, int height) {}

  private final Preprocessing preprocessing;
  private final PillowBicubic bicubic = new PillowBicubic();
  private Size input;
  private Size output;
  private Size resized;
  private Window x;
  private Window y;

  /** A preprocessor for one way of preprocessing. */
  public Preprocessor(Preprocessing preprocessing) {
    this.preprocessing = Objects.requireNonNull(preprocessing, "preprocessing");
  }

  /**
   * Resizes and crops an image.
   *
   * @throws ImageException if the result would be too large for an array
   */
  public static Image.Rgb apply(Image.Rgb image, Preprocessing preprocessing) {
    Size size = outputSize(image.width(), image.height(), preprocessing);
    byte[] samples = new byte[3 * size.width() * size.height()];
    new Preprocessor(preprocessing).apply(image, MemorySegment.ofArray(samples));
    return new Image.Rgb(size.width(), size.height(), samples);
  }

  /**
   * Resizes and crops an image into the caller's memory.
   *
   * @param target [height, width, 3] bytes of the {@link #outputSize output size}, red first;
   *     padding is zero
   * @throws IllegalArgumentException if the target has another size
   * @throws ImageException if the result would be too large for an array
   */
  public void apply(Image.Rgb image, MemorySegment target) {
    prepare(image.width(), image.height());
    long bytes = 3L * output.width() * output.height();
    if (target.byteSize() != bytes) {
      throw new IllegalArgumentException(
          String.format(
              "the target must hold %d x %d x 3 = %d bytes, got %d",
              output.height(), output.width(), bytes, target.byteSize()));
    }
    if (x.length() < output.width() || y.length() < output.height()) {
      target.fill((byte) 0);
    }
    if (resized.equals(input)) {
      copy(image, x, y, target, output.width());
    } else {
      bicubic.resize(image, resized.width(), resized.height(), x, y, target, output.width());
    }
  }

  /** Works out the sizes for an input size, unless the last image had it, too. */
  private void prepare(int width, int height) {
    if (input != null && input.width() == width && input.height() == height) {
      return;
    }
    output = outputSize(width, height, preprocessing);
    resized = resizedSize(width, height, preprocessing.shortest());
    x = Window.center(resized.width(), preprocessing.cropWidth(), preprocessing.rounding());
    y = Window.center(resized.height(), preprocessing.cropHeight(), preprocessing.rounding());
    input = new Size(width, height);
  }

  private static void copy(Image.Rgb image, Window x, Window y, MemorySegment target, int stride) {
    for (int row = 0; row < y.length(); row++) {
      MemorySegment.copy(
          image.samples(),
          3 * ((y.source() + row) * image.width() + x.source()),
          target,
          ValueLayout.JAVA_BYTE,
          3L * ((long) (y.target() + row) * stride + x.target()),
          3 * x.length());
    }
  }

  /**
   * The size that an image has after resizing and cropping.
   *
   * @throws ImageException if its RGB samples would not fit into an array
   */
  public static Size outputSize(int width, int height, Preprocessing preprocessing) {
    Size resized = resizedSize(width, height, preprocessing.shortest());
    Size output =
        preprocessing.cropWidth() == 0
            ? resized
            : new Size(preprocessing.cropWidth(), preprocessing.cropHeight());
    if (3L * output.width() * output.height() > Integer.MAX_VALUE - 8) {
      throw new ImageException(
          String.format(
              "an image of %d x %d becomes one of %d x %d, which does not fit into an array:"
                  + " choose a smaller size to resize to, or a crop",
              width, height, output.width(), output.height()));
    }
    return output;
  }

  /**
   * The shorter side becomes {@code shortest}; the longer follows, its fraction cut off (as {@code
   * int(shortest * long / short)} does in Python, whose division is in float64, too).
   */
  private static Size resizedSize(int width, int height, int shortest) {
    int shorter = Math.min(width, height);
    if (shortest == 0 || shortest == shorter) {
      return new Size(width, height);
    }
    double longer = Math.floor((double) ((long) shortest * Math.max(width, height)) / shorter);
    if (longer > Integer.MAX_VALUE) {
      throw new ImageException(
          String.format(
              "an image of %d x %d cannot be resized to %d on its shorter side: the longer would"
                  + " have %.0f pixels, more than %d; crop the image first",
              width, height, shortest, longer, Integer.MAX_VALUE));
    }
    return width <= height ? new Size(shortest, (int) longer) : new Size((int) longer, shortest);
  }

  /**
   * The normalised planes that a model with this preprocessing makes of an image.
   *
   * @throws ImageException if the result would be too large for an array
   */
  public static Image.Planes planes(Image.Rgb image, Preprocessing preprocessing) {
    Image.Rgb pixels = apply(image, preprocessing);
    float[] values = lookup(preprocessing);
    int count = pixels.width() * pixels.height();
    float[] planes = new float[3 * count];
    for (int i = 0; i < count; i++) {
      for (int channel = 0; channel < 3; channel++) {
        int sample = pixels.samples()[3 * i + channel] & 0xff;
        planes[channel * count + i] = values[256 * channel + sample];
      }
    }
    return new Image.Planes(pixels.width(), pixels.height(), planes);
  }

  /**
   * The normalised value of every sample value: [3, 256], red first.
   *
   * <p>Bit for bit as torchvision's {@code ToTensor} and {@code Normalize}, in float32 throughout.
   * Hugging Face's {@code rescale} multiplies by 1/255 in float64 and then rounds to float32, which
   * gives the same for each of the 256 values.
   */
  public static float[] lookup(Preprocessing preprocessing) {
    float[] table = new float[3 * 256];
    for (int channel = 0; channel < 3; channel++) {
      float mean = (float) preprocessing.mean().get(channel);
      float std = (float) preprocessing.std().get(channel);
      for (int sample = 0; sample < 256; sample++) {
        table[channel * 256 + sample] = (sample / 255f - mean) / std;
      }
    }
    return table;
  }
}
