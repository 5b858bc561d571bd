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

/// Mean and 1 / standard deviation; the latter is negative if the row is to be normalised from
/// float32. The groups' means are taken relative to the first, so that nothing cancels.
__device__ inline float2 moments(const float2* statistics, const LayerNorm& norm) {
  int whole = norm.width / GROUP;
  int rest = norm.width % GROUP;
  float origin = statistics[0].x * reciprocal((float)min(norm.width, GROUP));
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
  shift *= norm.perWidth;
  float mean = origin + shift;
  float variance = fmaxf(0, fmaf(squares, norm.perWidth, -shift * shift));
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
