// y = act(LayerNorm(x) W^T + b), with the LayerNorm's gamma and beta folded into W and b.
//
// The product reads the 16-bit copy of the residual stream as it is, and the LayerNorm happens
// behind it: with mean m and standard deviation 1/r of a row, and s the sum of a row of W,
//
//   sum_k (x_k - m) r W_nk = r (sum_k x_k W_nk - m s_n).
//
// The rounding of x_k to 16 bits is relative to x_k and not to x_k - m, so its error grows to
// sqrt(1 + (m r)^2) times that of a rounded (x_k - m) r. Rows where that is more than 2, and those
// whose 16-bit copy may have overflowed or lost bits, are normalised from float32 instead, on their
// way into shared memory.

#include "activation.cuh"
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
  int width;
  float perWidth;  // 1 / width
  float epsilon;
  int weightRows;
  int firstWeightRow;
  int strideOfY;
  int firstColumn;
  int columns;  // rounded up to a multiple of 4
  int activation;
};

/// Mean and 1 / standard deviation; the latter is negative if the row is to be normalised from
/// float32. The groups' means are taken relative to the first, so that nothing cancels.
__device__ inline float2 moments(const float2* statistics, const NormLinearArguments& a) {
  int whole = a.width / GROUP;
  int rest = a.width % GROUP;
  float origin = statistics[0].x * reciprocal((float)min(a.width, GROUP));
  float shift = 0;
  float squares = 0;
#pragma unroll 4
  for (int group = 0; group < whole; group++) {
    float2 pair = statistics[group];
    float difference = fmaf(pair.x, 1.0f / GROUP, -origin);
    shift = fmaf((float)GROUP, difference, shift);
    squares += fmaf(GROUP * difference, difference, pair.y);
  }
  if (rest > 0) {
    float2 pair = statistics[whole];
    float difference = fmaf(pair.x, reciprocal((float)rest), -origin);
    shift = fmaf((float)rest, difference, shift);
    squares += fmaf(rest * difference, difference, pair.y);
  }
  shift *= a.perWidth;
  float mean = origin + shift;
  float variance = fmaxf(0, fmaf(squares, a.perWidth, -shift * shift));
  float scale = rsqrtf(variance + a.epsilon);
  bool fit = mean * mean <= 3 * variance && variance >= SMALLEST_VARIANCE &&
             a.width * fmaf(mean, mean, variance) <= LARGEST_SQUARE;
  return {mean, fit ? scale : -scale};
}

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

  __device__ static uint4 normalised(const float* x, float2 moment) {
    float4 first = *(const float4*)x;
    float4 second = *(const float4*)(x + 4);
    float mean = moment.x;
    float scale = -moment.y;
    return {pack((first.x - mean) * scale, (first.y - mean) * scale),
            pack((first.z - mean) * scale, (first.w - mean) * scale),
            pack((second.x - mean) * scale, (second.y - mean) * scale),
            pack((second.z - mean) * scale, (second.w - mean) * scale)};
  }
};

/// What the calling thread's columns of a tile have in common.
struct Epilogue {
  float4 weightSums;
  float4 bias;

  __device__ Epilogue(const NormLinearArguments& a, int weightRow) {
    int row = min(weightRow, a.weightRows - 4);
    weightSums = *(const float4*)(a.weightSums + row);
    bias = *(const float4*)(a.bias + row);
  }

  /// LayerNorm, bias and activation.
  template <class Function>
  __device__ float4 apply(float2 moments, float4 sums) const {
    float mean = moments.y >= 0 ? moments.x : 0;
    float scale = moments.y >= 0 ? moments.y : 1;
    return {Function::apply(fmaf(scale, fmaf(-mean, weightSums.x, sums.x), bias.x)),
            Function::apply(fmaf(scale, fmaf(-mean, weightSums.y, sums.y), bias.y)),
            Function::apply(fmaf(scale, fmaf(-mean, weightSums.z, sums.z), bias.z)),
            Function::apply(fmaf(scale, fmaf(-mean, weightSums.w, sums.w), bias.w))};
  }
};

/// Stores a tile whose columns are columns of y.
template <class T, class Function>
__device__ inline void store(const NormLinearArguments& a, const ResultTile<T>& tile,
                             const float2* moments, const u32* rowsOfY, int rows) {
  int column = blockIdx.x * T::columns + tile.column();
  if (column < a.columns) {
    Epilogue epilogue(a, a.firstWeightRow + column);
    u16* y = a.y + a.firstColumn + column;
#pragma unroll 2
    for (int row = tile.row(); row < rows; row += tile.rowStep) {
      float4 v = epilogue.apply<Function>(moments[row], tile.sums(row));
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
    Epilogue epilogue(a, a.firstWeightRow + product);
    u16* y = a.y + a.firstColumn + product / 2;
#pragma unroll 2
    for (int row = tile.row(); row < rows; row += tile.rowStep) {
      float4 v = epilogue.apply<Identity>(moments[row], tile.sums(row));
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
    float2 moment = moments(a.statistics + (u64)rowOfX * (a.stride / GROUP), a);
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
