// What is not a product: LayerNorms of their own, pooling, and copies from one form to another.

#include "residual.cuh"

namespace fovea {

/// Threads of a block of the kernels here, and warps.
constexpr int ROW_THREADS = 128;
constexpr int ROW_WARPS = ROW_THREADS / WARP;

struct NormArguments {
  const float* x;       // [images, rowsOfX, stride]
  float* y;             // [images, rowsOfY, stride]; may be x
  u16* half;            // [rows.total, stride], for layer_norm_half
  const float* weight;  // [stride]
  const float* bias;    // [stride]
  Rows rows;
  int rowsOfX;
  int rowsOfY;
  int stride;
  int width;
  float perWidth;  // 1 / width
  float epsilon;
};

/// Mean and 1 / standard deviation of a row, in two passes. All lanes of a warp take part.
__device__ inline float2 momentsOfRow(const float* row, const NormArguments& a) {
  int lane = threadIdx.x % WARP;
  float sum = 0;
  for (int column = lane * 4; column < a.width; column += WARP * 4) {
    float4 v = *(const float4*)(row + column);
    sum += (v.x + v.y) + (v.z + v.w);
  }
  float mean = sumOfWarp(sum) * a.perWidth;
  float squares = 0;
  for (int column = lane * 4; column < a.width; column += WARP * 4) {
    float4 v = *(const float4*)(row + column);
    float values[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float difference = column + i < a.width ? values[i] - mean : 0;
      squares = fmaf(difference, difference, squares);
    }
  }
  return {mean, rsqrtf(fmaf(sumOfWarp(squares), a.perWidth, a.epsilon))};
}

/// A warp has a row: y = (x - mean) / deviation * weight + bias.
__device__ inline void norm(const NormArguments& a) {
  int index = blockIdx.x * ROW_WARPS + threadIdx.x / WARP;
  if (index >= a.rows.total) {
    return;
  }
  const float* x = a.x + (u64)a.rows.of(index, a.rowsOfX) * a.stride;
  float* y = a.y + (u64)a.rows.of(index, a.rowsOfY) * a.stride;
  float2 moments = momentsOfRow(x, a);
  for (int column = threadIdx.x % WARP * 4; column < a.width; column += WARP * 4) {
    float4 v = *(const float4*)(x + column);
    float4 weight = *(const float4*)(a.weight + column);
    float4 bias = *(const float4*)(a.bias + column);
    v.x = fmaf((v.x - moments.x) * moments.y, weight.x, bias.x);
    v.y = fmaf((v.y - moments.x) * moments.y, weight.y, bias.y);
    v.z = fmaf((v.z - moments.x) * moments.y, weight.z, bias.z);
    v.w = fmaf((v.w - moments.x) * moments.y, weight.w, bias.w);
    *(float4*)(y + column) = v;
  }
}

/// A warp has a row: (x - mean) / deviation in 16 bits, rows without gaps and padded with zeros, for
/// products that are not ours.
__device__ inline void layerNormHalf(const NormArguments& a) {
  int index = blockIdx.x * ROW_WARPS + threadIdx.x / WARP;
  if (index >= a.rows.total) {
    return;
  }
  const float* x = a.x + (u64)a.rows.of(index, a.rowsOfX) * a.stride;
  u16* y = a.half + (u64)index * a.stride;
  float2 moments = momentsOfRow(x, a);
  for (int column = threadIdx.x % WARP * 2; column < a.stride; column += WARP * 2) {
    float2 v = *(const float2*)(x + column);
    float first = column < a.width ? (v.x - moments.x) * moments.y : 0;
    float second = column + 1 < a.width ? (v.y - moments.x) * moments.y : 0;
    *(u32*)(y + column) = pack(first, second);
  }
}

struct PoolArguments {
  const float* x;  // [images, rows, stride]
  float* y;        // [images, strideOfY]
  int rows;
  int prefix;
  int stride;
  int strideOfY;
  int clsColumns;   // columns of y that are CLS's, and
  int meanColumns;  // those behind them that are means of the patches
  float perPatch;   // 1 / patches
};

constexpr int POOL_WARPS = 16;

/// Block (x, y): 32 columns of the embedding of image y. A warp sums every 16th patch.
__device__ inline void pool(const PoolArguments& a) {
  __shared__ float sums[POOL_WARPS][WARP];
  int warp = threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  int column = blockIdx.x * WARP + lane;
  const float* x = a.x + (u64)blockIdx.y * a.rows * a.stride;
  bool cls = column < a.clsColumns;
  bool mean = !cls && column < a.clsColumns + a.meanColumns;
  float sum = 0;
  if (mean) {
    const float* patches = x + column - a.clsColumns;
#pragma unroll 8
    for (int row = a.prefix + warp; row < a.rows; row += POOL_WARPS) {
      sum += patches[(u64)row * a.stride];
    }
  }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp == 0 && (cls || mean)) {
    float total = 0;
#pragma unroll
    for (int part = 0; part < POOL_WARPS; part++) {
      total += sums[part][lane];
    }
    a.y[(u64)blockIdx.y * a.strideOfY + column] = cls ? x[column] : total * a.perPatch;
  }
}

struct NormalizeArguments {
  float* y;  // [rows, stride]
  int stride;
  int columns;
};

/// Block x divides row x by its L2 norm; a row of zeros stays one.
__device__ inline void normalize(const NormalizeArguments& a) {
  __shared__ float sums[ROW_WARPS];
  float* y = a.y + (u64)blockIdx.x * a.stride;
  float squares = 0;
  for (int column = threadIdx.x; column < a.columns; column += ROW_THREADS) {
    squares = fmaf(y[column], y[column], squares);
  }
  squares = sumOfWarp(squares);
  if (threadIdx.x % WARP == 0) {
    sums[threadIdx.x / WARP] = squares;
  }
  __syncthreads();
  float total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float scale = total > 0 ? rsqrtf(total) : 0;
  for (int column = threadIdx.x; column < a.columns; column += ROW_THREADS) {
    y[column] *= scale;
  }
}

struct GatherArguments {
  const void* x;  // [images, rowsOfX, stride]
  float* y;       // [images, rows.count, columns]
  Rows rows;
  int rowsOfX;
  int stride;
  int firstColumn;
  int columns;
};

__device__ inline float number(float value) { return value; }

__device__ inline float number(u16 value) { return widen(value); }

/// Block x copies row x of all rows.
template <class Number>
__device__ inline void gather(const GatherArguments& a) {
  const Number* x =
      (const Number*)a.x + (u64)a.rows.of(blockIdx.x, a.rowsOfX) * a.stride + a.firstColumn;
  float* y = a.y + (u64)blockIdx.x * a.columns;
  for (int column = threadIdx.x; column < a.columns; column += ROW_THREADS) {
    y[column] = number(x[column]);
  }
}

struct ConvertArguments {
  Residual x;
  int rows;  // of all images
};

/// A warp has a row: the 16-bit form and the statistics from the float32 form.
__device__ inline void narrow(const ConvertArguments& a) {
  int row = blockIdx.x * ROW_WARPS + threadIdx.x / WARP;
  if (row >= a.rows) {
    return;
  }
  int lane = threadIdx.x % WARP;
  for (int group = 0; group < a.x.groups(); group++) {
    int column = group * GROUP + lane;
    u64 offset = (u64)row * a.x.stride + column;
    float value = a.x.full[offset];
    a.x.half[offset] = round16(value);
    float sum = sumOfWarp(value);
    int columns = columnsOfGroup(group * GROUP, a.x.width);
    float difference = lane < columns ? value - meanOfGroup(sum, columns) : 0;
    float squares = sumOfWarp(difference * difference);
    if (lane == 0) {
      a.x.statistics[(u64)row * a.x.groups() + group] = {sum, squares};
    }
  }
}

/// A warp has a row: the float32 form from the 16-bit form.
__device__ inline void widenRows(const ConvertArguments& a) {
  int row = blockIdx.x * ROW_WARPS + threadIdx.x / WARP;
  if (row >= a.rows) {
    return;
  }
  for (int column = threadIdx.x % WARP; column < a.x.stride; column += WARP) {
    u64 offset = (u64)row * a.x.stride + column;
    a.x.full[offset] = widen(a.x.half[offset]);
  }
}

}  // namespace fovea

FOVEA_KERNEL(fovea::ROW_THREADS, norm)(const fovea::NormArguments arguments) {
  fovea::norm(arguments);
}

FOVEA_KERNEL(fovea::ROW_THREADS, layer_norm_half)(const fovea::NormArguments arguments) {
  fovea::layerNormHalf(arguments);
}

FOVEA_KERNEL(fovea::POOL_WARPS * fovea::WARP, pool)(const fovea::PoolArguments arguments) {
  fovea::pool(arguments);
}

FOVEA_KERNEL(fovea::ROW_THREADS, normalize)(const fovea::NormalizeArguments arguments) {
  fovea::normalize(arguments);
}

FOVEA_KERNEL(fovea::ROW_THREADS, gather_full)(const fovea::GatherArguments arguments) {
  fovea::gather<float>(arguments);
}

FOVEA_KERNEL(fovea::ROW_THREADS, gather_half)(const fovea::GatherArguments arguments) {
  fovea::gather<fovea::u16>(arguments);
}

FOVEA_KERNEL(fovea::ROW_THREADS, narrow)(const fovea::ConvertArguments arguments) {
  fovea::narrow(arguments);
}

FOVEA_KERNEL(fovea::ROW_THREADS, widen)(const fovea::ConvertArguments arguments) {
  fovea::widenRows(arguments);
}
