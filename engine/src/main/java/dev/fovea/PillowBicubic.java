package dev.fovea;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Resizes RGB exactly as Pillow's {@code Image.resize(size, BICUBIC)}: byte for byte.
 *
 * <p>Pillow filters in two passes, rows first, and rounds to 8 bits in between. Only the part of
 * the result that is wanted is computed, from only the rows that it needs; no sample's value
 * depends on that. Keeps its scratch memory; not safe for use by several threads.
 */
final class PillowBicubic {

  private final ResizeAxis columns = new ResizeAxis();
  private final ResizeAxis rows = new ResizeAxis();
  private byte[] narrowed = {};
  private int[] sums = {};
  private byte[] line = {};

  /**
   * Resizes an image and writes a window of the result.
   *
   * @param image what to resize
   * @param resizedWidth width of the whole result
   * @param resizedHeight height of the whole result
   * @param x the columns of the result that are wanted, and where they go
   * @param y the rows of the result that are wanted, and where they go
   * @param target [any, targetWidth, 3] bytes
   * @param targetWidth pixels of a row of the target
   */
  void resize(
      Image.Rgb image,
      int resizedWidth,
      int resizedHeight,
      Window x,
      Window y,
      MemorySegment target,
      int targetWidth) {
    columns.prepare(image.width(), resizedWidth, x.source(), x.length());
    rows.prepare(image.height(), resizedHeight, y.source(), y.length());
    int rowBytes = 3 * x.length();
    reserve(Math.multiplyExact(rows.inputEnd() - rows.inputStart(), rowBytes), rowBytes);
    int base = rows.inputStart();
    for (int row = base; row < rows.inputEnd(); row++) {
      mixColumns(image.samples(), row * image.width() * 3, (row - base) * rowBytes);
    }
    for (int row = 0; row < y.length(); row++) {
      mixRows(row, rowBytes);
      long offset = 3L * ((long) (y.target() + row) * targetWidth + x.target());
      MemorySegment.copy(line, 0, target, ValueLayout.JAVA_BYTE, offset, rowBytes);
    }
  }

  private void reserve(int narrowedBytes, int rowBytes) {
    if (narrowed.length < narrowedBytes) {
      narrowed = new byte[narrowedBytes];
    }
    if (line.length < rowBytes) {
      sums = new int[rowBytes];
      line = new byte[rowBytes];
    }
  }

  /** One row of the image into one row of {@link #narrowed}. */
  private void mixColumns(byte[] samples, int from, int to) {
    int[] weights = columns.weights();
    byte[] target = narrowed;
    int count = columns.count();
    for (int column = 0; column < count; column++) {
      int sample = from + 3 * columns.start(column);
      int first = columns.offset(column);
      int end = first + columns.length(column);
      int red = ResizeAxis.HALF;
      int green = ResizeAxis.HALF;
      int blue = ResizeAxis.HALF;
      for (int i = first; i < end; i++) {
        int weight = weights[i];
        red += weight * (samples[sample] & 0xFF);
        green += weight * (samples[sample + 1] & 0xFF);
        blue += weight * (samples[sample + 2] & 0xFF);
        sample += 3;
      }
      int out = to + 3 * column;
      target[out] = clip(red);
      target[out + 1] = clip(green);
      target[out + 2] = clip(blue);
    }
  }

  /** The rows of {@link #narrowed} that row {@code row} of the window needs, into {@link #line}. */
  private void mixRows(int row, int rowBytes) {
    Arrays.fill(sums, 0, rowBytes, ResizeAxis.HALF);
    int first = (rows.start(row) - rows.inputStart()) * rowBytes;
    for (int i = 0; i < rows.length(row); i++) {
      accumulate(rows.weights()[rows.offset(row) + i], first + i * rowBytes, rowBytes);
    }
    for (int i = 0; i < rowBytes; i++) {
      line[i] = clip(sums[i]);
    }
  }

  private void accumulate(int weight, int from, int rowBytes) {
    int[] into = sums;
    byte[] source = narrowed;
    for (int i = 0; i < rowBytes; i++) {
      into[i] += weight * (source[from + i] & 0xFF);
    }
  }

  private static byte clip(int sum) {
    return (byte) Math.max(0, Math.min(255, sum >> ResizeAxis.FRACTION_BITS));
  }
}
