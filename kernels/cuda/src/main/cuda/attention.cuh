// softmax(q k^T / 8) v for heads of 64 columns.
//
// A warp has 16 queries (or 32) to itself: its scores, its probabilities and its results never
// leave its registers. Queries, keys and values lie in shared memory as rows of 64 numbers.
//
// Tensor cores want probabilities in 16 bits before they meet the values. Rounding them costs as
// much as rounding the results does; so a probability may come in two parts, what 16 bits hold of
// it and what that leaves, for a second product with the values: PARTS.

#pragma once

#include "fovea.cuh"

namespace fovea {

struct AttentionArguments {
  const u16* qkv;  // [images, tokens, stride]: queries of all heads, keys, values
  u16* y;          // [images, rowsOfY, strideOfY]
  int tokens;
  int stride;
  int rowsOfY;
  int strideOfY;
  int width;         // 64 x heads
  int firstQuery;
  int queries;       // of one image
  float scale;       // log2(e) / 8, so that powers are of 2
};

/// Rows of one head, from `source` on, into shared memory; rows from `rows` on are zeros. All
/// threads of the block take part; does not wait.
__device__ inline void copyRows(u32 target, const u16* source, int stride, int rows, int allRows) {
  int chunk = threadIdx.x % 8;
  for (int row = threadIdx.x / 8; row < allRows; row += blockDim.x / 8) {
    const u16* from = source + (u64)min(row, rows - 1) * stride + chunk * 8;
    copyAsyncOrZero(target + row * ROW_BYTES + swizzled(row, chunk), from, row < rows);
  }
}

/// The 16 x 64 queries of a warp as left operands of products, 16 columns each.
using Queries = u32[4][4];

__device__ inline void loadQueries(Queries& queries, u32 rows) {
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    loadMatrices(queries[k], rows + lane % 16 * ROW_BYTES + swizzled(lane, 2 * k + lane / 16));
  }
}

/// Keys as right operand: columns 16k to 16k + 15 of 16 keys; [0], [1] belong to the first 8 keys.
__device__ inline void loadKeys(u32 (&keys)[4], u32 rows, int k) {
  int lane = threadIdx.x % WARP;
  loadMatrices(keys, rows + (lane % 8 + lane / 16 * 8) * ROW_BYTES +
                         swizzled(lane, 2 * k + lane / 8 % 2));
}

/// Takes the keys that are not there out of 16 x 8 scores: those from `keys` on.
__device__ inline void mask(float (&scores)[4], int firstKey, int keys) {
#pragma unroll
  for (int e = 0; e < 4; e++) {
    int key = firstKey + threadIdx.x % 4 * 2 + e % 2;
    scores[e] = key < keys ? scores[e] : -INFINITY;
  }
}

/// Values as right operand: columns 16j to 16j + 15 of 16 keys; [0], [1] are the first 8 columns.
__device__ inline void loadValues(u32 (&values)[4], u32 rows, int j) {
  int lane = threadIdx.x % WARP;
  loadMatricesTransposed(values, rows + lane % 16 * ROW_BYTES + swizzled(lane, 2 * j + lane / 16));
}

/// The probabilities of 16 keys as left operands, whose sum they are.
template <int PARTS>
using Probabilities = u32[PARTS][4];

/// Two fragments of 16 x 8 scores become the probabilities of 16 keys; the lane's sums of rows g
/// and g + 8 grow by what it has. `offset` is scale times the row's largest score.
template <int PARTS>
__device__ inline void exponentials(Probabilities<PARTS>& probabilities, const float (&first)[4],
                                    const float (&second)[4], float scale, const float (&offset)[2],
                                    float (&sum)[2]) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float p[4] = {exp2(fmaf(first[2 * h], scale, -offset[h])),
                  exp2(fmaf(first[2 * h + 1], scale, -offset[h])),
                  exp2(fmaf(second[2 * h], scale, -offset[h])),
                  exp2(fmaf(second[2 * h + 1], scale, -offset[h]))};
    sum[h] += (p[0] + p[1]) + (p[2] + p[3]);
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      float held[4];
#pragma unroll
      for (int e = 0; e < 4; e++) {
        held[e] = part < PARTS - 1 ? cut16(p[e]) : p[e];
        p[e] -= held[e];
      }
      probabilities[part][h] = pack(held[0], held[1]);
      probabilities[part][2 + h] = pack(held[2], held[3]);
    }
  }
}

/// Adds what columns 16j to 16j + 15 of 16 values contribute to 16 results.
template <int PARTS>
__device__ inline void addValues(float (&results)[8][4], const Probabilities<PARTS>& probabilities,
                                 const u32 (&values)[4], int j) {
#pragma unroll
  for (int part = 0; part < PARTS; part++) {
    multiplyAdd(results[2 * j], probabilities[part], values[0], values[1]);
    multiplyAdd(results[2 * j + 1], probabilities[part], values[2], values[3]);
  }
}

/// Divides 16 rows of results by their sums and stores them, by way of the shared memory of the
/// warp's queries, which nobody needs any more.
__device__ inline void storeResults(const AttentionArguments& a, float (&results)[8][4],
                                    float (&sum)[2], u32 rows, int firstQuery) {
  int lane = threadIdx.x % WARP;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float scale = reciprocal(sumOfFour(sum[h]));
    int row = lane / 4 + 8 * h;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      storeShared(rows + row * ROW_BYTES + swizzled(row, j) + lane % 4 * 4,
                  pack(results[j][2 * h] * scale, results[j][2 * h + 1] * scale));
    }
  }
  __syncwarp();
  u16* y = a.y + ((u64)blockIdx.z * a.rowsOfY + a.firstQuery) * a.strideOfY + blockIdx.y * ROW;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int row = lane / 8 + 4 * i;
    int chunk = lane % 8;
    if (firstQuery + row < a.queries) {
      *(uint4*)(y + (u64)(firstQuery + row) * a.strideOfY + chunk * 8) =
          loadShared(rows + row * ROW_BYTES + swizzled(row, chunk));
    }
  }
}

/// The largest number of tokens whose scores a warp holds all at once.
constexpr int WHOLE_TOKENS = 272;

/// Block (x, y, z): the x-th 16 queries of every warp of head y of image z. Shared memory has the
/// block's queries, all keys and all values.
template <int PARTS>
__device__ inline void attentionWhole(const AttentionArguments& a) {
  extern __shared__ uint4 memory[];
  int warp = threadIdx.x / WARP;
  int blockQueries = blockDim.x / WARP * 16;
  u32 queryRows = sharedAddress(memory);
  u32 keyRows = queryRows + blockQueries * ROW_BYTES;
  u32 valueRows = keyRows + WHOLE_TOKENS * ROW_BYTES;
  const u16* head = a.qkv + (u64)blockIdx.z * a.tokens * a.stride + blockIdx.y * ROW;
  int blockFirst = blockIdx.x * blockQueries;

  copyRows(queryRows, head + (u64)(a.firstQuery + blockFirst) * a.stride, a.stride,
           min(blockQueries, a.queries - blockFirst), blockQueries);
  copyRows(keyRows, head + a.width, a.stride, a.tokens, WHOLE_TOKENS);
  commitCopies();
  copyRows(valueRows, head + 2 * a.width, a.stride, a.tokens, WHOLE_TOKENS);
  commitCopies();
  waitForCopies<1>();
  __syncthreads();

  u32 ownRows = queryRows + warp * 16 * ROW_BYTES;
  Queries queries;
  loadQueries(queries, ownRows);
  constexpr int fragments = WHOLE_TOKENS / 8;
  float scores[fragments][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};
#pragma unroll
  for (int f = 0; f < fragments; f += 2) {
#pragma unroll
    for (int k = 0; k < 4; k++) {
      u32 keys[4];
      loadKeys(keys, keyRows + f * 8 * ROW_BYTES, k);
      multiplyAdd(scores[f], queries[k], keys[0], keys[1]);
      multiplyAdd(scores[f + 1], queries[k], keys[2], keys[3]);
    }
    if (f * 8 + 16 > a.tokens) {
      mask(scores[f], f * 8, a.tokens);
      mask(scores[f + 1], f * 8 + 8, a.tokens);
    }
#pragma unroll
    for (int e = 0; e < 4; e++) {
      largest[e / 2] = fmaxf(largest[e / 2], fmaxf(scores[f][e], scores[f + 1][e]));
    }
  }
  float offset[2] = {largestOfFour(largest[0]) * a.scale, largestOfFour(largest[1]) * a.scale};
  waitForCopies<0>();
  __syncthreads();

  float sum[2] = {0, 0};
  float results[8][4] = {};
#pragma unroll
  for (int f = 0; f < fragments; f += 2) {
    Probabilities<PARTS> probabilities;
    exponentials<PARTS>(probabilities, scores[f], scores[f + 1], a.scale, offset, sum);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      u32 values[4];
      loadValues(values, valueRows + f * 8 * ROW_BYTES, j);
      addValues<PARTS>(results, probabilities, values, j);
    }
  }
  storeResults(a, results, sum, ownRows, blockFirst + warp * 16);
}

/// Keys of a block of the walk over all keys.
constexpr int BLOCK_KEYS = 64;

/// What the walk over the keys keeps for 16 queries: sums relative to the largest score so far.
struct Running {
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};
  float results[8][4] = {};

  /// Takes in the scores of 64 keys. They are turned into left operands.
  template <int PARTS>
  __device__ void add(const float (&scores)[8][4], float scale,
                      Probabilities<PARTS> (&probabilities)[4]) {
    float offset[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float now = largest[h];
#pragma unroll
      for (int f = 0; f < 8; f++) {
        now = fmaxf(now, fmaxf(scores[f][2 * h], scores[f][2 * h + 1]));
      }
      now = largestOfFour(now);
      float shrink = exp2((largest[h] - now) * scale);
      largest[h] = now;
      offset[h] = now * scale;
      sum[h] *= shrink;
#pragma unroll
      for (int j = 0; j < 8; j++) {
        results[j][2 * h] *= shrink;
        results[j][2 * h + 1] *= shrink;
      }
    }
#pragma unroll
    for (int f = 0; f < 8; f += 2) {
      exponentials<PARTS>(probabilities[f / 2], scores[f], scores[f + 1], scale, offset, sum);
    }
  }
};

/// Block (x, y, z): the x-th 16 M queries of 4 warps of head y of image z. Keys and values come in
/// blocks of 64, one block ahead of the arithmetic. In shared memory: queries, then twice keys and
/// values.
template <int M, int PARTS>
__device__ inline void attentionBlocks(const AttentionArguments& a) {
  extern __shared__ uint4 memory[];
  constexpr int warpQueries = 16 * M;
  constexpr int blockQueries = 4 * warpQueries;
  constexpr u32 blockBytes = BLOCK_KEYS * ROW_BYTES;
  int warp = threadIdx.x / WARP;
  u32 queryRows = sharedAddress(memory);
  u32 keyRows = queryRows + blockQueries * ROW_BYTES;
  const u16* head = a.qkv + (u64)blockIdx.z * a.tokens * a.stride + blockIdx.y * ROW;
  int blockFirst = blockIdx.x * blockQueries;

  auto load = [&](int block) {
    u32 target = keyRows + block % 2 * 2 * blockBytes;
    int first = block * BLOCK_KEYS;
    const u16* keys = head + a.width + (u64)first * a.stride;
    copyRows(target, keys, a.stride, min(BLOCK_KEYS, a.tokens - first), BLOCK_KEYS);
    copyRows(target + blockBytes, keys + a.width, a.stride, min(BLOCK_KEYS, a.tokens - first),
             BLOCK_KEYS);
  };
  copyRows(queryRows, head + (u64)(a.firstQuery + blockFirst) * a.stride, a.stride,
           min(blockQueries, a.queries - blockFirst), blockQueries);
  load(0);
  commitCopies();
  waitForCopies<0>();
  __syncthreads();

  u32 ownRows = queryRows + warp * warpQueries * ROW_BYTES;
  Queries queries[M];
#pragma unroll
  for (int i = 0; i < M; i++) {
    loadQueries(queries[i], ownRows + i * 16 * ROW_BYTES);
  }
  Running running[M];
  int blocks = (a.tokens + BLOCK_KEYS - 1) / BLOCK_KEYS;
#pragma unroll 1
  for (int block = 0; block < blocks; block++) {
    if (block > 0) {
      waitForCopies<0>();
      __syncthreads();
    }
    if (block + 1 < blocks) {
      load(block + 1);
    }
    commitCopies();
    u32 keyBlock = keyRows + block % 2 * 2 * blockBytes;
    int left = a.tokens - block * BLOCK_KEYS;
    float scores[M][8][4] = {};
#pragma unroll
    for (int f = 0; f < 8; f += 2) {
#pragma unroll
      for (int k = 0; k < 4; k++) {
        u32 keys[4];
        loadKeys(keys, keyBlock + f * 8 * ROW_BYTES, k);
#pragma unroll
        for (int i = 0; i < M; i++) {
          multiplyAdd(scores[i][f], queries[i][k], keys[0], keys[1]);
          multiplyAdd(scores[i][f + 1], queries[i][k], keys[2], keys[3]);
        }
      }
    }
    Probabilities<PARTS> probabilities[M][4];
#pragma unroll
    for (int i = 0; i < M; i++) {
      if (left < BLOCK_KEYS) {
#pragma unroll
        for (int f = 0; f < 8; f++) {
          mask(scores[i][f], f * 8, left);
        }
      }
      running[i].add<PARTS>(scores[i], a.scale, probabilities[i]);
    }
#pragma unroll
    for (int f = 0; f < 4; f++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        u32 values[4];
        loadValues(values, keyBlock + blockBytes + f * 16 * ROW_BYTES, j);
#pragma unroll
        for (int i = 0; i < M; i++) {
          addValues<PARTS>(running[i].results, probabilities[i][f], values, j);
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < M; i++) {
    storeResults(a, running[i].results, running[i].sum, ownRows + i * 16 * ROW_BYTES,
                 blockFirst + warp * warpQueries + i * 16);
  }
}

}  // namespace fovea
