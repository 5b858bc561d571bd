// y = act(LayerNorm(x) W^T + b), with the LayerNorm's gamma and beta folded into W and b, and the rest
// of it behind the product (layer_norm.cuh).

#include "layer_norm.cuh"
#include "product.cuh"

namespace fovea {

struct NormLinearArguments {
  const u16* x;              // [images, rowsOfX, stride]
  const float* full;         // the same in float32
  const float2* statistics;  // [images, rowsOfX, stride / 32]
  const u16* weight;         // [weightRows, stride]
  const float* bias;         // [weightRows]
  const float* weightSums;   // [weightRows]
  u16* y;                    // [images, rowsOfY, strideOfY]
  Rows rows;
  int rowsOfX;
  int rowsOfY;
  int stride;
  LayerNorm norm;
  int weightRows;
  int firstWeightRow;
  int strideOfY;
  int firstColumn;
  int columns;  // rounded up to a multiple of 4
  int activation;
};

/// The rows of x; those that the 16-bit copy does not do are normalised from float32.
template <class T>
struct NormedRows {
  TokenRows<T> rows;
  const float* full;
  int stride;
  const u32* tokenRows;
  const float2* moments;
  bool anyUnfit;

  __device__ void load(u32 stage, int step) const {
    if (!anyUnfit) {
      rows.load(stage, step);
      return;
    }
    const Slot<T>& slot = rows.slot;
#pragma unroll 1
    for (int pass = 0; pass < TokenRows<T>::passes; pass++) {
      int row = slot.row + pass * T::rowsOfPass;
      float2 moment = moments[row];
      u64 offset = (u64)tokenRows[row] * stride + step * ROW;
      if (moment.y >= 0) {
        copyAsync(slot.at(stage, pass), rows.source + offset * 2);
      } else {
        storeShared(slot.at(stage, pass), normalised(full + offset + slot.chunk * 8, moment));
      }
    }
  }
};

/// Stores a tile whose columns are columns of y.
template <class T, class Function>
__device__ inline void store(const NormLinearArguments& a, const ResultTile<T>& tile,
                             const float2* moments, const u32* rowsOfY, int rows) {
  int column = blockIdx.x * T::columns + tile.column();
  if (column < a.columns) {
    BehindProduct behind(a.weightSums, a.bias, a.firstWeightRow + column, a.weightRows);
    u16* y = a.y + a.firstColumn + column;
#pragma unroll 2
    for (int row = tile.row(); row < rows; row += tile.rowStep) {
      float4 v = behind.apply<Function>(moments[row], tile.sums(row));
      *(uint2*)(y + (u64)rowsOfY[row] * a.strideOfY) = {pack(v.x, v.y), pack(v.z, v.w)};
    }
  }
}

/// The same for SwiGLU: rows of the gate and of the value alternate in the weight, so two columns
/// of the tile make one of y.
template <class T>
__device__ inline void storeSwiGlu(const NormLinearArguments& a, const ResultTile<T>& tile,
                                   const float2* moments, const u32* rowsOfY, int rows) {
  int product = blockIdx.x * T::columns + tile.column();
  if (product / 2 < a.columns) {
    BehindProduct behind(a.weightSums, a.bias, a.firstWeightRow + product, a.weightRows);
    u16* y = a.y + a.firstColumn + product / 2;
#pragma unroll 2
    for (int row = tile.row(); row < rows; row += tile.rowStep) {
      float4 v = behind.apply<Identity>(moments[row], tile.sums(row));
      *(u32*)(y + (u64)rowsOfY[row] * a.strideOfY) =
          pack(gated(v.x, 1) * v.y, gated(v.z, 1) * v.w);
    }
  }
}

/// Block (x, y) computes a tile of the columns and one of the rows.
template <class T>
__device__ inline void normLinear(const NormLinearArguments& a) {
  extern __shared__ uint4 memory[];
  float2* rowMoments = (float2*)((char*)memory + T::stagesBytes);
  u32* rowsOfX = (u32*)(rowMoments + T::rows);
  u32* rowsOfY = rowsOfX + T::rows;
  u32 shared = sharedAddress(memory);

  int firstRow = blockIdx.y * T::rows;
  int firstWeightRow = a.firstWeightRow + blockIdx.x * T::columns;
  int steps = a.stride / ROW;
  Weights<T> weights(a.weight, a.stride, firstWeightRow, a.weightRows);
  weights.loadFirst(shared, 0, steps);

  bool unfit = false;
  if (threadIdx.x < T::rows) {
    int row = min(firstRow + (int)threadIdx.x, a.rows.total - 1);
    u32 rowOfX = a.rows.of(row, a.rowsOfX);
    float2 moment = moments(a.statistics + (u64)rowOfX * (a.stride / GROUP), a.norm);
    rowMoments[threadIdx.x] = moment;
    rowsOfX[threadIdx.x] = rowOfX;
    rowsOfY[threadIdx.x] = a.rows.of(row, a.rowsOfY);
    unfit = !(moment.y >= 0);
  }
  bool anyUnfit = __syncthreads_or(unfit);

  NormedRows<T> left = {
      TokenRows<T>(a.x, a.stride, rowsOfX), a.full, a.stride, rowsOfX, rowMoments, anyUnfit};
  typename T::Sums sums;
  clear<T>(sums);
  multiply<T>(shared, left, weights, 0, steps, sums, [](int) {});

  ResultTile<T> tile(shared, sums);
  int rows = min(T::rows, a.rows.total - firstRow);
  switch (a.activation) {
    case GELU:
      store<T, Gelu>(a, tile, rowMoments, rowsOfY, rows);
      break;
    case QUICK_GELU:
      store<T, QuickGelu>(a, tile, rowMoments, rowsOfY, rows);
      break;
    case SWIGLU:
      storeSwiGlu<T>(a, tile, rowMoments, rowsOfY, rows);
      break;
    default:
      store<T, Identity>(a, tile, rowMoments, rowsOfY, rows);
  }
}

}  // namespace fovea

#define NORM_LINEAR(rows, columns, warpRows, warpColumns, stages)                      \
  FOVEA_KERNEL(rows / warpRows*(columns / warpColumns) * 32,                           \
               norm_linear_##rows##x##columns)                                         \
  (const fovea::NormLinearArguments arguments) {                                       \
    fovea::normLinear<fovea::Tile<rows, columns, warpRows, warpColumns, stages>>(arguments); \
  }

NORM_LINEAR(32, 64, 16, 32, 4)
NORM_LINEAR(64, 64, 32, 32, 4)
NORM_LINEAR(64, 128, 32, 64, 3)
NORM_LINEAR(128, 128, 64, 64, 3)
NORM_LINEAR(128, 256, 64, 64, 3)
