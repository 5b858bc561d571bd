// How a tile of a product becomes a part of the residual stream.
#pragma once

#include "product.cuh"
#include "residual.cuh"

namespace fovea {

/// Rows that a thread does together: what they read is under way before the first of them writes.
constexpr int TOGETHER = 4;

/// Stores a tile that begins at column firstColumn in all three forms: `rows` of its rows, to where
/// tokenRows says. Values are finish(row, sums of the thread's columns, what read(row) gave).
template <class T, class Read, class Finish>
__device__ inline void storeResidual(const ResultTile<T>& tile, const Residual& x,
                                     const u32* tokenRows, int rows, int firstColumn, Read read,
                                     Finish finish) {
  static_assert(T::rows % (TOGETHER * tile.rowStep) == 0, "a thread's rows are whole fours");
  int column = firstColumn + tile.column();
  int inGroup = column % GROUP;
  int columns = columnsOfGroup(column - inGroup, x.width);
#pragma unroll 1
  for (int firstRow = tile.row(); firstRow < T::rows; firstRow += TOGETHER * tile.rowStep) {
    float4 found[TOGETHER];
#pragma unroll
    for (int i = 0; i < TOGETHER; i++) {
      int row = firstRow + i * tile.rowStep;
      bool stored = row < rows && column < x.stride;
      found[i] = stored ? read(row) : float4{0, 0, 0, 0};
    }
#pragma unroll
    for (int i = 0; i < TOGETHER; i++) {
      int row = firstRow + i * tile.rowStep;
      float4 v = finish(row, tile.sums(row), found[i]);
      float sum = sumOfEight((v.x + v.y) + (v.z + v.w));
      float mean = meanOfGroup(sum, columns);
      float values[4] = {v.x, v.y, v.z, v.w};
      float squares = 0;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        float difference = inGroup + j < columns ? values[j] - mean : 0;
        squares = fmaf(difference, difference, squares);
      }
      squares = sumOfEight(squares);
      if (row < rows && column < x.stride) {
        u64 tokenRow = tokenRows[row];
        *(float4*)(x.full + tokenRow * x.stride + column) = v;
        *(uint2*)(x.half + tokenRow * x.stride + column) = {pack(v.x, v.y), pack(v.z, v.w)};
        if (inGroup == 0) {
          x.statistics[tokenRow * x.groups() + column / GROUP] = {sum, squares};
        }
      }
    }
  }
}

}  // namespace fovea
