// softmax(q k^T / 8) of some queries, in float32.

#include "fovea.cuh"

namespace fovea {

struct ProbabilitiesArguments {
  const u16* qkv;        // [images, tokens, stride]
  float* probabilities;  // [images, heads x watched, strideOfProbabilities]
  int tokens;
  int stride;
  int width;
  int firstWatched;
  int watched;
  int strideOfProbabilities;
  float scale;  // log2(e) / 8, so that powers are of 2
};

constexpr int PROBABILITIES_THREADS = 128;

/// The result of `combine` over all threads, in a fixed order.
template <class Combine>
__device__ inline float overBlock(float value, float* scratch, Combine combine) {
#pragma unroll
  for (int distance = 1; distance < WARP; distance *= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffff, value, distance));
  }
  __syncthreads();
  if (threadIdx.x % WARP == 0) {
    scratch[threadIdx.x / WARP] = value;
  }
  __syncthreads();
  float result = scratch[0];
  for (int warp = 1; warp < PROBABILITIES_THREADS / WARP; warp++) {
    result = combine(result, scratch[warp]);
  }
  return result;
}

/// Block (x, y, z): watched query x of head y of image z. A thread has every 128th key; it keeps
/// the scores where the probabilities go.
__device__ inline void probabilities(const ProbabilitiesArguments& a) {
  __shared__ float query[ROW];
  __shared__ float scratch[PROBABILITIES_THREADS / WARP];
  const u16* head = a.qkv + (u64)blockIdx.z * a.tokens * a.stride + blockIdx.y * ROW;
  if (threadIdx.x < ROW) {
    query[threadIdx.x] = widen(head[(u64)(a.firstWatched + blockIdx.x) * a.stride + threadIdx.x]);
  }
  __syncthreads();
  u64 resultRow = ((u64)blockIdx.z * gridDim.y + blockIdx.y) * a.watched + blockIdx.x;
  float* result = a.probabilities + resultRow * a.strideOfProbabilities;
  float largest = -INFINITY;
#pragma unroll 1
  for (int token = threadIdx.x; token < a.tokens; token += PROBABILITIES_THREADS) {
    const uint4* key = (const uint4*)(head + a.width + (u64)token * a.stride);
    float score = 0;
#pragma unroll 4
    for (int c = 0; c < ROW / 8; c++) {
      uint4 chunk = key[c];
      u32 pairs[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
      for (int i = 0; i < 4; i++) {
        score = fmaf(widen((u16)pairs[i]), query[8 * c + 2 * i], score);
        score = fmaf(widen((u16)(pairs[i] >> 16)), query[8 * c + 2 * i + 1], score);
      }
    }
    result[token] = score;
    largest = fmaxf(largest, score);
  }
  largest = overBlock(largest, scratch, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0;
  for (int token = threadIdx.x; token < a.tokens; token += PROBABILITIES_THREADS) {
    float power = exp2((result[token] - largest) * a.scale);
    result[token] = power;
    sum += power;
  }
  float scale = reciprocal(overBlock(sum, scratch, [](float a, float b) { return a + b; }));
  for (int token = threadIdx.x; token < a.tokens; token += PROBABILITIES_THREADS) {
    result[token] *= scale;
  }
}

}  // namespace fovea

FOVEA_KERNEL(fovea::PROBABILITIES_THREADS, probabilities)
(const fovea::ProbabilitiesArguments arguments) {
  fovea::probabilities(arguments);
}
