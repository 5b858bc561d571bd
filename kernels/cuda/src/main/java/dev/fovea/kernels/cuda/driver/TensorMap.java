package dev.fovea.kernels.cuda.driver;

/**
 * A matrix of 16-bit numbers on the device, of which copies bring boxes of 64 columns into shared
 * memory: there a row of a box is 128 bytes long, and its 16-byte chunk c lies where chunk {@code c
 * ^ (row % 8)} would. What lies outside of the matrix arrives as zeros.
 *
 * @param address of the first element, a multiple of 16
 * @param columns of the matrix
 * @param rows of an image
 * @param images how many there are
 * @param rowBytes from a row to the next, a multiple of 16
 * @param imageBytes from an image to the next, a multiple of 16
 * @param boxRows rows of a box, at most 256; a box has rows of one image only
 */
public record TensorMap(
    long address, int columns, int rows, int images, long rowBytes, long imageBytes, int boxRows) {

  /** Columns of a box. */
  public static final int BOX_COLUMNS = 64;

  /** Bytes of a map as the driver encodes it. */
  public static final int BYTES = 128;

  /** Where an encoded map may begin in the structure of a kernel's arguments. */
  public static final int ALIGNMENT = 64;

  /** Most rows of a box. */
  private static final int MOST_ROWS = 256;

  /** Checks what the hardware demands. */
  public TensorMap {
    if (columns < 1 || rows < 1 || images < 1 || boxRows < 1 || boxRows > MOST_ROWS) {
      throw new IllegalArgumentException(
          "a tensor map needs at least one element and boxes of 1 to %d rows, not %d x %d x %d in boxes of %d"
              .formatted(MOST_ROWS, images, rows, columns, boxRows));
    }
    if ((address | rowBytes | imageBytes) % 16 != 0) {
      throw new IllegalArgumentException(
          "a tensor map needs multiples of 16 bytes, not address 0x%x, rows of %d and images of %d"
              .formatted(address, rowBytes, imageBytes));
    }
  }

  /** All rows of a matrix without regard to images. */
  public static TensorMap matrix(long address, int rows, int stride, int boxRows) {
    long rowBytes = (long) stride * Short.BYTES;
    return new TensorMap(address, stride, rows, 1, rowBytes, rows * rowBytes, boxRows);
  }
}
