package dev.fovea.images;

/**
 * Colour conversions of JPEG, in the 16-bit fixed point of libjpeg's {@code jdcolor.c}, so that the
 * samples are those that libjpeg gives.
 */
final class JpegColors {

  private static final int HALF = 1 << 15;
  private static final int[] RED_OF_CR = new int[256];
  private static final int[] GREEN_OF_CR = new int[256];
  private static final int[] GREEN_OF_CB = new int[256];
  private static final int[] BLUE_OF_CB = new int[256];

  static {
    for (int i = 0; i < 256; i++) {
      int x = i - 128;
      RED_OF_CR[i] = (fixed(1.402) * x + HALF) >> 16;
      BLUE_OF_CB[i] = (fixed(1.772) * x + HALF) >> 16;
      GREEN_OF_CR[i] = -fixed(0.71414) * x;
      GREEN_OF_CB[i] = -fixed(0.34414) * x + HALF;
    }
  }

  private JpegColors() {}

  private static int fixed(double factor) {
    return (int) (factor * 65536 + 0.5);
  }

  /** Every sample three times. */
  static byte[] gray(byte[] samples) {
    byte[] rgb = new byte[3 * samples.length];
    for (int i = 0; i < samples.length; i++) {
      rgb[3 * i] = samples[i];
      rgb[3 * i + 1] = samples[i];
      rgb[3 * i + 2] = samples[i];
    }
    return rgb;
  }

  /** YCbCr to RGB, in place; returns its argument. */
  static byte[] ycbcr(byte[] samples) {
    for (int i = 0; i < samples.length; i += 3) {
      convert(samples, i);
    }
    return samples;
  }

  /** Inverted inks to RGB. */
  static byte[] cmyk(byte[] samples) {
    byte[] rgb = new byte[samples.length / 4 * 3];
    int out = 0;
    for (int i = 0; i < samples.length; i += 4) {
      int black = 255 - (samples[i + 3] & 0xFF);
      for (int ink = 0; ink < 3; ink++) {
        rgb[out++] = Rasters.inkToLight(255 - (samples[i + ink] & 0xFF), black);
      }
    }
    return rgb;
  }

  /**
   * YCCK to RGB; changes its argument. libjpeg makes inks of YCbCr by inverting RGB, so that after
   * Adobe's inversion the RGB is what counts as ink.
   */
  static byte[] ycck(byte[] samples) {
    for (int i = 0; i < samples.length; i += 4) {
      convert(samples, i);
      for (int ink = 0; ink < 3; ink++) {
        samples[i + ink] = (byte) (255 - (samples[i + ink] & 0xFF));
      }
    }
    return cmyk(samples);
  }

  private static void convert(byte[] samples, int i) {
    int y = samples[i] & 0xFF;
    int cb = samples[i + 1] & 0xFF;
    int cr = samples[i + 2] & 0xFF;
    samples[i] = clip(y + RED_OF_CR[cr]);
    samples[i + 1] = clip(y + ((GREEN_OF_CB[cb] + GREEN_OF_CR[cr]) >> 16));
    samples[i + 2] = clip(y + BLUE_OF_CB[cb]);
  }

  private static byte clip(int value) {
    return (byte) Math.max(0, Math.min(255, value));
  }
}
