package dev.fovea.kernels.cuda;

/**
 * One of the tiles that a product's kernels come in, as {@code product.cuh} and {@code
 * hopper_product.cuh} describe them.
 *
 * @param kernel name of the kernel without the tile's size and the precision
 * @param rows of the result that a block computes
 * @param columns of the result that a block computes
 * @param threads of a block
 * @param stages steps of K that are in shared memory at the same time
 * @param split true if every chain of a long K has a block of its own
 */
record Tile(String kernel, int rows, int columns, int threads, int stages, boolean split) {

  /** Columns of both operands that a block multiplies between two barriers. */
  static final int STEP = 64;

  /** Bytes of the operands' part of shared memory. */
  int stagesBytes() {
    return stages * (rows + columns) * STEP * Short.BYTES;
  }

  /** True if warp groups multiply, in blocks that stay; see {@code hopper_product.cuh}. */
  boolean ofWarpGroups() {
    return kernel.startsWith("hopper_");
  }

  /** Blocks that compute tiles below each other and share what they read of the weight. */
  int cluster() {
    return kernel.endsWith("_pair") ? 2 : 1;
  }

  /** What tells it from others: the kernel's name without the precision. */
  String name() {
    return "%s_%dx%d".formatted(kernel, rows, columns);
  }

  /** The kernel's name in the PTX. */
  String kernelName(Precision precision) {
    return name() + "_" + precision.suffix();
  }

  int acrossRows(int resultRows) {
    return Math.ceilDiv(resultRows, rows);
  }

  int acrossColumns(int resultColumns) {
    return Math.ceilDiv(resultColumns, columns);
  }
}
