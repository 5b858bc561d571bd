// The residual stream: float32, a 16-bit copy that the next product reads, and of every 32 columns
// of a row their sum and the sum of squared differences from their mean, from which the next
// LayerNorm gets its mean and its standard deviation.
#pragma once

#include "product.cuh"

namespace fovea {

/// All matrices are padded with zeros to `stride` columns, a multiple of 64.
struct Residual {
  float* full;
  u16* half;
  float2* statistics;
  int stride;
  int width;

  __device__ int groups() const { return stride / GROUP; }
};

/// Columns of a group that are not padding.
__device__ inline int columnsOfGroup(int firstColumn, int width) {
  return max(0, min(GROUP, width - firstColumn));
}

__device__ inline float meanOfGroup(float sum, int columns) {
  return sum * reciprocal((float)max(columns, 1));
}

/// Stores a tile of finished values in all three forms. The tile begins at column firstColumn;
/// `rows` of its rows are stored, to where tokenRows says.
template <class T>
__device__ inline void storeResidual(u32 shared, const Residual& x, const typename T::Sums& values,
                                     const u32* tokenRows, int rows, int firstColumn) {
  Place<T> place;
  StagedTile<T, T::columns> staged = {shared};
#pragma unroll
  for (int i = 0; i < T::m; i++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      int row = place.row + 16 * i + 8 * h;
      bool stored = row < rows;
      u64 tokenRow = stored ? tokenRows[row] : 0;
#pragma unroll
      for (int g = 0; g < T::n / 4; g++) {
        int column = firstColumn + place.column + g * GROUP;
        float sum = 0;
#pragma unroll
        for (int j = 4 * g; j < 4 * g + 4; j++) {
          float2 pair = {values[i][j][2 * h], values[i][j][2 * h + 1]};
          sum += pair.x;
          sum += pair.y;
          if (stored && column < x.stride) {
            *(float2*)(x.full + tokenRow * x.stride + column + (j - 4 * g) * 8) = pair;
          }
          storeShared(staged.at(row, place.column + j * 8), pack(pair.x, pair.y));
        }
        sum = sumOfFour(sum);
        int firstOfGroup = column - threadIdx.x % 4 * 2;
        int columns = columnsOfGroup(firstOfGroup, x.width);
        float mean = meanOfGroup(sum, columns);
        float squares = 0;
#pragma unroll
        for (int j = 4 * g; j < 4 * g + 4; j++) {
#pragma unroll
          for (int e = 0; e < 2; e++) {
            int inGroup = threadIdx.x % 4 * 2 + (j - 4 * g) * 8 + e;
            float difference = inGroup < columns ? values[i][j][2 * h + e] - mean : 0;
            squares = fmaf(difference, difference, squares);
          }
        }
        squares = sumOfFour(squares);
        if (stored && column < x.stride && threadIdx.x % 4 == 0) {
          x.statistics[tokenRow * x.groups() + firstOfGroup / GROUP] = {sum, squares};
        }
      }
    }
  }
  __syncthreads();
  staged.store(x.half + firstColumn, x.stride, tokenRows, rows, x.stride - firstColumn);
}

}  // namespace fovea
