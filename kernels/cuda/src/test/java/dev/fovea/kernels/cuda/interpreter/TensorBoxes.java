package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.TensorMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Boxes of a matrix in global memory, as an encoded map describes them. The encoding is the
 * interpreter's own.
 */
final class TensorBoxes {

  /** Marks what {@link #encode} made. */
  private static final long MARK = 0x70616d_726f736e65L;

  private static final int PIECE = 16;
  private static final int ROW_BYTES = TensorMap.BOX_COLUMNS * Short.BYTES;

  private final TensorMap map;
  private final GlobalMemory memory;

  private TensorBoxes(TensorMap map, GlobalMemory memory) {
    this.map = map;
    this.memory = memory;
  }

  static byte[] encode(TensorMap map) {
    return ByteBuffer.allocate(TensorMap.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(MARK)
        .putLong(map.address())
        .putLong(map.columns())
        .putLong(map.rows())
        .putLong(map.images())
        .putLong(map.rowBytes())
        .putLong(map.imageBytes())
        .putLong(map.boxRows())
        .array();
  }

  /** Reads the map at a generic address. */
  static TensorBoxes at(Warp warp, int lane, long address) {
    if (address % TensorMap.ALIGNMENT != 0) {
      throw warp.fault(lane, "the tensor map at 0x%x is misaligned".formatted(address));
    }
    long[] words = new long[8];
    for (int i = 0; i < words.length; i++) {
      int index = warp.memory.reading(Space.GENERIC, lane, address + 8L * i, Long.BYTES, false);
      words[i] = Bits.get(warp.memory.bytes, index, Long.BYTES);
    }
    if (words[0] != MARK) {
      throw warp.fault(lane, "there is no tensor map at 0x%x".formatted(address));
    }
    TensorMap map =
        new TensorMap(
            words[1],
            (int) words[2],
            (int) words[3],
            (int) words[4],
            words[5],
            words[6],
            (int) words[7]);
    return new TensorBoxes(map, warp.block.globalMemory());
  }

  /** Bytes of a box. */
  int bytes() {
    return map.boxRows() * ROW_BYTES;
  }

  /** Throws if a part of a box that lies in the matrix cannot be read. */
  void check(Warp warp, int lane, int column, int row, int image) {
    int from = Math.max(column, 0);
    int bytes = (Math.min(column + TensorMap.BOX_COLUMNS, map.columns()) - from) * Short.BYTES;
    for (int i = 0; i < map.boxRows() && bytes > 0; i++) {
      if (!isInside(row + i, image)) {
        continue;
      }
      long address = address(from, row + i, image);
      Allocation allocation = memory.find(address, bytes);
      if (allocation == null) {
        throw warp.fault(lane, "copies a box of global memory: " + memory.describe(address, bytes));
      }
      int index = allocation.index(address);
      if (allocation.firstUnwritten(index, bytes) >= 0) {
        throw warp.fault(
            lane,
            "copies a box whose row %d, %d bytes into an allocation of %d, nobody has written"
                .formatted(row + i, index, allocation.size()));
      }
      warp.memory.checkOrder(lane, allocation, index, bytes);
    }
  }

  private boolean isInside(int row, int image) {
    return row >= 0 && row < map.rows() && image >= 0 && image < map.images();
  }

  private long address(int column, int row, int image) {
    return map.address()
        + image * map.imageBytes()
        + row * map.rowBytes()
        + (long) column * Short.BYTES;
  }

  /** A box, its rows swizzled, with zeros for what lies outside of the matrix. */
  BulkCopies.Source box(int column, int row, int image) {
    return (target, index) -> {
      for (int i = 0; i < map.boxRows(); i++) {
        for (int j = 0; j < TensorMap.BOX_COLUMNS; j++) {
          int place = index + i * ROW_BYTES + j * Short.BYTES;
          Bits.set(
              target,
              place ^ (place >> 7 & 7) * PIECE,
              Short.BYTES,
              element(column + j, row + i, image));
        }
      }
    };
  }

  private long element(int column, int row, int image) {
    if (column < 0 || column >= map.columns() || !isInside(row, image)) {
      return 0;
    }
    long address = address(column, row, image);
    Allocation allocation = memory.find(address, Short.BYTES);
    if (allocation == null) {
      throw new KernelFault("a bulk copy lands: " + memory.describe(address, Short.BYTES));
    }
    return Bits.get(allocation.bytes, allocation.index(address), Short.BYTES);
  }
}
