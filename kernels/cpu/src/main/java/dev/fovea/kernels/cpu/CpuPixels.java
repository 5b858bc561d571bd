package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.Sizes;
import java.lang.foreign.MemorySegment;

/** The images of one batch, in heap memory, and how a patch is read from them. */
public abstract sealed class CpuPixels implements Pixels {

  private static final int CHANNELS = 3;
  private static final int BYTE_VALUES = 256;

  private final CpuRecorder owner;
  private final int images;
  private final int height;
  private final int width;
  private final MemorySegment host;

  private CpuPixels(CpuRecorder owner, int images, int height, int width, MemorySegment host) {
    this.owner = owner;
    this.images = images;
    this.height = height;
    this.width = width;
    this.host = host;
  }

  static CpuPixels rgb(CpuRecorder owner, int images, int height, int width, float[] lookup) {
    Sizes.same("the lookup table's length", lookup.length, CHANNELS * BYTE_VALUES);
    int size = Sizes.elements("a batch of RGB images", images, height, width, CHANNELS);
    return new Rgb(owner, images, height, width, new byte[size], lookup.clone());
  }

  static CpuPixels planes(CpuRecorder owner, int images, int height, int width) {
    int size = Sizes.elements("a batch of float planes", images, CHANNELS, height, width);
    return new Planes(owner, images, height, width, new float[size]);
  }

  CpuRecorder owner() {
    return owner;
  }

  int images() {
    return images;
  }

  int height() {
    return height;
  }

  int width() {
    return width;
  }

  @Override
  public MemorySegment host() {
    return host;
  }

  /** Patches side by side. */
  public int patchesAcross(int patch) {
    return width / patch;
  }

  /**
   * Writes one patch as a row of the patch projection's input: channel after channel, inside each
   * row after row.
   *
   * @param number of the patch in its image, in row-major order
   * @param patch side of a patch
   * @param target gets 3 x patch x patch elements from {@code offset} on
   */
  public abstract void readPatch(int image, int number, int patch, float[] target, int offset);

  private static final class Rgb extends CpuPixels {

    private final byte[] bytes;
    private final float[] lookup;

    Rgb(CpuRecorder owner, int images, int height, int width, byte[] bytes, float[] lookup) {
      super(owner, images, height, width, MemorySegment.ofArray(bytes));
      this.bytes = bytes;
      this.lookup = lookup;
    }

    @Override
    public void readPatch(int image, int number, int patch, float[] target, int offset) {
      int top = number / patchesAcross(patch) * patch;
      int left = number % patchesAcross(patch) * patch;
      int to = offset;
      for (int channel = 0; channel < CHANNELS; channel++) {
        for (int y = 0; y < patch; y++) {
          int from = ((image * height() + top + y) * width() + left) * CHANNELS + channel;
          for (int x = 0; x < patch; x++) {
            int sample = Byte.toUnsignedInt(bytes[from + x * CHANNELS]);
            target[to++] = lookup[channel * BYTE_VALUES + sample];
          }
        }
      }
    }
  }

  private static final class Planes extends CpuPixels {

    private final float[] planes;

    Planes(CpuRecorder owner, int images, int height, int width, float[] planes) {
      super(owner, images, height, width, MemorySegment.ofArray(planes));
      this.planes = planes;
    }

    @Override
    public void readPatch(int image, int number, int patch, float[] target, int offset) {
      int top = number / patchesAcross(patch) * patch;
      int left = number % patchesAcross(patch) * patch;
      int to = offset;
      for (int channel = 0; channel < CHANNELS; channel++) {
        for (int y = 0; y < patch; y++) {
          int from = ((image * CHANNELS + channel) * height() + top + y) * width() + left;
          System.arraycopy(planes, from, target, to, patch);
          to += patch;
        }
      }
    }
  }
}
