package dev.fovea.kernels.cpu;

/**
 * How the elements of an activation matrix lie in its array: in tiles of so many rows and columns,
 * each tile row after row, the tiles of the same rows one after another. Every image starts with a
 * tile of its own; what lies in a tile beyond the last row or column has no meaning.
 *
 * <p>The {@link CpuKernels} choose it, so that a verb finds its operands as it needs them. One row
 * of the matrix's width is the usual order of an array.
 *
 * @param rows of a tile
 * @param columns of a tile
 */
public record TokenLayout(int rows, int columns) {

  /** Elements of a tile. */
  public int size() {
    return rows * columns;
  }
}
