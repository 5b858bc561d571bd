// x += gamma (a W^T + b): projection or second MLP matrix, LayerScale and residual.
//
// A long K is summed in chains of equal length, each from zero, and the chains are added in order.
// With many rows a block computes all chains of its tile (`linear_add`); with few a block computes
// one chain and the last block of a tile to arrive adds them (`linear_add_split`): the same bits.

#include "residual_tile.cuh"

namespace fovea {

struct LinearAddArguments {
  const u16* a;        // [images, rowsOfA, stride]
  const u16* weight;   // [weightRows, stride]
  const float* gamma;  // [weightRows]
  const float* bias;   // [weightRows], times gamma
  Residual x;          // [images, rowsOfX, x.stride]
  float* partials;     // [tiles, chains, the tile's sums]; for the split kernels
  u32* arrived;        // [tiles], 0 between launches; for the split kernels
  Rows rows;
  int rowsOfA;
  int rowsOfX;
  int stride;
  int weightRows;
  int chainSteps;  // steps of 64 in a chain
};

/// Writes where the rows of the tile lie; 0 stands for rows that are not there.
template <class T>
__device__ inline void locateRows(const LinearAddArguments& a, int firstRow, u32* rowsOfA,
                                  u32* rowsOfX) {
  if (threadIdx.x < T::rows) {
    int row = min(firstRow + (int)threadIdx.x, a.rows.total - 1);
    rowsOfA[threadIdx.x] = a.rows.of(row, a.rowsOfA);
    rowsOfX[threadIdx.x] = a.rows.of(row, a.rowsOfX);
  }
  __syncthreads();
}

/// Adds finished sums to x.
template <class T>
__device__ inline void addToResidual(const LinearAddArguments& a, const typename T::Sums& sums,
                                     u32 shared, const u32* rowsOfX, int firstRow,
                                     int firstColumn) {
  ResultTile<T> tile(shared, sums);
  int rows = min(T::rows, a.rows.total - firstRow);
  int column = min(firstColumn + tile.column(), a.x.stride - 4);
  float4 gamma = *(const float4*)(a.gamma + column);
  float4 bias = *(const float4*)(a.bias + column);
  auto read = [&](int row) {
    return *(const float4*)(a.x.full + (u64)rowsOfX[row] * a.x.stride + column);
  };
  auto finish = [&](int, float4 s, float4 x) {
    return float4{x.x + fmaf(gamma.x, s.x, bias.x), x.y + fmaf(gamma.y, s.y, bias.y),
                  x.z + fmaf(gamma.z, s.z, bias.z), x.w + fmaf(gamma.w, s.w, bias.w)};
  };
  storeResidual(tile, a.x, rowsOfX, rows, firstColumn, read, finish);
}

/// Block (x, y) computes a tile of the columns and one of the rows.
template <class T>
__device__ inline void linearAdd(const LinearAddArguments& a) {
  extern __shared__ uint4 memory[];
  u32* rowsOfA = (u32*)((char*)memory + T::stagesBytes);
  u32* rowsOfX = rowsOfA + T::rows;
  u32 shared = sharedAddress(memory);
  int firstRow = blockIdx.y * T::rows;
  int firstColumn = blockIdx.x * T::columns;
  int steps = a.stride / ROW;

  Weights<T> weights(a.weight, a.stride, firstColumn, a.weightRows);
  weights.loadFirst(shared, 0, steps);
  locateRows<T>(a, firstRow, rowsOfA, rowsOfX);
  TokenRows<T> left(a.a, a.stride, rowsOfA);
  typename T::Sums sums;
  typename T::Sums total;
  clear<T>(sums);
  clear<T>(total);
  int chainEnd = a.chainSteps - 1;
  multiply<T>(shared, left, weights, 0, steps, sums, [&](int step) {
    if (step == chainEnd || step == steps - 1) {
      add<T>(total, sums);
      clear<T>(sums);
      chainEnd += a.chainSteps;
    }
  });
  addToResidual<T>(a, total, shared, rowsOfX, firstRow, firstColumn);
}

/// Leaves this chain's sums where the others can read them. True for the last block of a tile: its
/// sums are then those of all chains.
template <class T>
__device__ inline bool joinChains(const LinearAddArguments& a, typename T::Sums& sums) {
  int chains = gridDim.z;
  int tile = blockIdx.y * gridDim.x + blockIdx.x;
  constexpr int fragments = T::m * T::n;
  float4* partials = (float4*)a.partials + threadIdx.x;
  partials += (u64)tile * chains * fragments * T::threads;
  float4* own = partials + blockIdx.z * fragments * T::threads;
#pragma unroll
  for (int f = 0; f < fragments; f++) {
    float(&s)[4] = sums[f / T::n][f % T::n];
    own[f * T::threads] = {s[0], s[1], s[2], s[3]};
  }
  __threadfence();
  __syncthreads();
  bool last = false;
  if (threadIdx.x == 0) {
    last = atomicAdd(a.arrived + tile, 1) == chains - 1;
  }
  if (!__syncthreads_or(last)) {
    return false;
  }
  __threadfence();
  clear<T>(sums);
  for (int chain = 0; chain < chains; chain++) {
#pragma unroll
    for (int f = 0; f < fragments; f++) {
      float(&s)[4] = sums[f / T::n][f % T::n];
      float4 part = __ldcg(partials + (chain * fragments + f) * T::threads);
      s[0] += part.x;
      s[1] += part.y;
      s[2] += part.z;
      s[3] += part.w;
    }
  }
  if (threadIdx.x == 0) {
    a.arrived[tile] = 0;
  }
  return true;
}

/// Block (x, y, z) computes chain z of a tile.
template <class T>
__device__ inline void linearAddSplit(const LinearAddArguments& a) {
  extern __shared__ uint4 memory[];
  u32* rowsOfA = (u32*)((char*)memory + T::stagesBytes);
  u32* rowsOfX = rowsOfA + T::rows;
  u32 shared = sharedAddress(memory);
  int firstRow = blockIdx.y * T::rows;
  int firstColumn = blockIdx.x * T::columns;
  int firstStep = blockIdx.z * a.chainSteps;
  int steps = min(a.chainSteps, a.stride / ROW - firstStep);

  Weights<T> weights(a.weight, a.stride, firstColumn, a.weightRows);
  weights.loadFirst(shared, firstStep, steps);
  locateRows<T>(a, firstRow, rowsOfA, rowsOfX);
  TokenRows<T> left(a.a, a.stride, rowsOfA);
  typename T::Sums sums;
  clear<T>(sums);
  multiply<T>(shared, left, weights, firstStep, steps, sums, [](int) {});
  if (gridDim.z == 1 || joinChains<T>(a, sums)) {
    addToResidual<T>(a, sums, shared, rowsOfX, firstRow, firstColumn);
  }
}

}  // namespace fovea

#define LINEAR_ADD(kernel, function, rows, columns, warpRows, warpColumns, stages)           \
  FOVEA_KERNEL(rows / warpRows*(columns / warpColumns) * 32, kernel##_##rows##x##columns)    \
  (const fovea::LinearAddArguments arguments) {                                              \
    fovea::function<fovea::Tile<rows, columns, warpRows, warpColumns, stages>>(arguments);   \
  }

LINEAR_ADD(linear_add_split, linearAddSplit, 32, 64, 16, 32, 4)
LINEAR_ADD(linear_add_split, linearAddSplit, 64, 64, 32, 32, 4)
LINEAR_ADD(linear_add, linearAdd, 64, 64, 32, 32, 4)
LINEAR_ADD(linear_add, linearAdd, 64, 128, 32, 64, 3)
LINEAR_ADD(linear_add, linearAdd, 128, 128, 64, 32, 3)
