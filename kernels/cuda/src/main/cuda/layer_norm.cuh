// What a LayerNorm needs where it happens behind its product.
//
// The product reads the 16-bit copy of the residual stream as it is; with mean m and standard
// deviation 1/r of a row, and s the sum of a row of W,
//
//   sum_k (x_k - m) r W_nk = r (sum_k x_k W_nk - m s_n).
//
// The rounding of x_k to 16 bits is relative to x_k and not to x_k - m, so its error grows to
// sqrt(1 + (m r)^2) times that of a rounded (x_k - m) r. Rows where that is more than 2, and those
// whose 16-bit copy may have overflowed or lost bits, are normalised from float32 instead, on their
// way into shared memory.
#pragma once

#include "activation.cuh"

namespace fovea {

struct LayerNorm {
  int width;
  float perWidth;  // 1 / width
  float epsilon;
};

/// Sums over the groups of a row, taken relative to the mean of the first one so that nothing
/// cancels.
struct RowSums {
  float origin;
  float shift = 0;
  float squares = 0;

  __device__ void add(float sum, float squaresOfGroup, float columns, float perColumn) {
    float difference = fmaf(sum, perColumn, -origin);
    shift = fmaf(columns, difference, shift);
    squares += fmaf(columns * difference, difference, squaresOfGroup);
  }
};

/// Mean and 1 / standard deviation; the latter is negative if the row is to be normalised from
/// float32. Statistics of a row begin at a multiple of 16 bytes; two groups are read at a time, and
/// many are under way, since with few rows everybody waits for them.
__device__ inline float2 moments(const float2* statistics, const LayerNorm& norm) {
  int whole = norm.width / GROUP;
  int rest = norm.width % GROUP;
  RowSums sums = {statistics[0].x * reciprocal((float)min(norm.width, GROUP))};
#pragma unroll 8
  for (int group = 0; group < whole / 2; group++) {
    float4 pairs = ((const float4*)statistics)[group];
    sums.add(pairs.x, pairs.y, GROUP, 1.0f / GROUP);
    sums.add(pairs.z, pairs.w, GROUP, 1.0f / GROUP);
  }
  if (whole % 2 > 0) {
    float2 pair = statistics[whole - 1];
    sums.add(pair.x, pair.y, GROUP, 1.0f / GROUP);
  }
  if (rest > 0) {
    float2 pair = statistics[whole];
    sums.add(pair.x, pair.y, (float)rest, reciprocal((float)rest));
  }
  float shift = sums.shift * norm.perWidth;
  float mean = sums.origin + shift;
  float variance = fmaxf(0, fmaf(sums.squares, norm.perWidth, -shift * shift));
  float scale = rsqrtf(variance + norm.epsilon);
  bool fit = mean * mean <= 3 * variance && variance >= SMALLEST_VARIANCE &&
             norm.width * fmaf(mean, mean, variance) <= LARGEST_SQUARE;
  return {mean, fit ? scale : -scale};
}

/// Eight numbers of a row that is normalised from float32.
__device__ inline uint4 normalised(const float* x, float2 moment) {
  float4 first = *(const float4*)x;
  float4 second = *(const float4*)(x + 4);
  float mean = moment.x;
  float scale = -moment.y;
  return {pack((first.x - mean) * scale, (first.y - mean) * scale),
          pack((first.z - mean) * scale, (first.w - mean) * scale),
          pack((second.x - mean) * scale, (second.y - mean) * scale),
          pack((second.z - mean) * scale, (second.w - mean) * scale)};
}

/// What is done behind the product to 4 columns of it.
struct BehindProduct {
  float4 weightSums;
  float4 bias;

  /// Of the columns that belong to 4 rows of the weight, which has `weightRows`.
  __device__ BehindProduct(const float* weightSums, const float* bias, int weightRow,
                           int weightRows) {
    int row = min(weightRow, weightRows - 4);
    this->weightSums = *(const float4*)(weightSums + row);
    this->bias = *(const float4*)(bias + row);
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

}  // namespace fovea
