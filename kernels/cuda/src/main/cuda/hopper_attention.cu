// softmax(q k^T / 8) v for heads of 64 columns and many tokens; compute capability 9.0.
//
// A block takes 128 queries of one head at a time through all keys and values, 128 at a time: one
// thread has them copied into a ring of stages, and the two other warp groups have 64 queries each,
// whose scores, probabilities and results never leave their registers. While the tensor cores
// multiply a block's probabilities and values, the scores of the next block become probabilities.
// The warp groups start their products in turns, so that one's products and the other's exponentials
// meet.

#include "wgmma.cuh"

namespace fovea {

struct HopperAttentionArguments {
  TensorMap qkv;  // [images, tokens, stride]: queries of all heads, keys, values
  u16* y;         // [images, rowsOfY, strideOfY]
  int tokens;
  int rowsOfY;
  int strideOfY;
  int width;  // 64 x heads
  int firstQuery;
  int queries;  // of one image
  int units;    // 128 queries of one head of one image each
  float scale;  // log2(e) / 8, so that powers are of 2
};

/// Queries of a block and of a warp group; keys of a stage.
constexpr int BLOCK_QUERIES = 128;
constexpr int GROUP_QUERIES = 64;
constexpr int STAGE_KEYS = 128;
constexpr int STAGES = 4;

constexpr u32 BOX_BYTES = 128 * ROW_BYTES;
static_assert(BLOCK_QUERIES == 128 && STAGE_KEYS == 128, "all boxes have as many rows");

/// Where things lie in shared memory: two boxes of queries, the stages' keys, the stages' values,
/// and barriers.
struct Layout {
  u32 shared;

  static constexpr int boxes = 2 + 2 * STAGES;

  __device__ u32 queries(int buffer) const { return shared + buffer * BOX_BYTES; }
  __device__ u32 keys(int stage) const { return shared + (2 + stage) * BOX_BYTES; }
  __device__ u32 values(int stage) const { return shared + (2 + STAGES + stage) * BOX_BYTES; }

  /// The barrier that says that a box is full.
  __device__ u32 full(u32 box) const {
    return shared + boxes * BOX_BYTES + (box - shared) / BOX_BYTES * BARRIER_BYTES;
  }

  /// The barrier that says that all warps have read a box.
  __device__ u32 empty(u32 box) const { return full(box) + boxes * BARRIER_BYTES; }

  /// The barrier that says that it is a warp group's turn to start products.
  __device__ u32 turn(int group) const {
    return shared + boxes * (BOX_BYTES + 2 * BARRIER_BYTES) + group * BARRIER_BYTES;
  }

  __device__ void initialiseBarriers() const {
    for (int box = 0; box < boxes; box++) {
      initialise(full(shared + box * BOX_BYTES), 1);
      initialise(empty(shared + box * BOX_BYTES), MULTIPLYING_GROUPS * WARP_GROUP / WARP);
    }
    for (int group = 0; group < MULTIPLYING_GROUPS; group++) {
      initialise(turn(group), WARP_GROUP);
    }
    fenceBarriers();
  }

  /// Fills a box when it is empty.
  __device__ void fill(u32 box, u32 parity, const TensorMap& map, int column, int row,
                       int image) const {
    waitFor(empty(box), parity ^ 1);
    arriveAndExpect(full(box), BOX_BYTES);
    copyBox(box, map, column, row, image, full(box));
  }

  /// The calling warp has read a box.
  __device__ void release(u32 box) const {
    if (threadIdx.x % WARP == 0) {
      arrive(empty(box));
    }
  }
};

/// A position in a ring of N boxes.
template <int N>
struct Position {
  int index = 0;
  u32 parity = 0;

  __device__ void advance() {
    index++;
    if (index == N) {
      index = 0;
      parity ^= 1;
    }
  }
};

/// The calling warp group's turns to start products; the first group's first one is free.
struct Turns {
  u32 parity = multiplyingGroup() == 0;

  __device__ void take(const Layout& layout) {
    waitFor(layout.turn(multiplyingGroup()), parity);
    parity ^= 1;
  }

  __device__ void give(const Layout& layout) const { arrive(layout.turn(1 - multiplyingGroup())); }
};

/// 128 queries of one head of one image.
struct QueryBlock {
  int first;  // of the queries that were asked for
  int head;
  int image;

  __device__ QueryBlock(const HopperAttentionArguments& a, int unit) {
    int blocks = (a.queries + BLOCK_QUERIES - 1) / BLOCK_QUERIES;
    int heads = a.width / ROW;
    int row = unit / blocks;
    first = (unit - row * blocks) * BLOCK_QUERIES;
    image = row / heads;
    head = row - image * heads;
  }
};

__device__ inline int keyBlocks(const HopperAttentionArguments& a) {
  return (a.tokens + STAGE_KEYS - 1) / STAGE_KEYS;
}

/// What the thread does that has the boxes filled.
__device__ inline void fillBoxes(const HopperAttentionArguments& a, Layout layout) {
  waitForKernelInFront();
  Position<2> buffer;
  Position<STAGES> stage;
  for (int unit = blockIdx.x; unit < a.units; unit += gridDim.x) {
    QueryBlock block(a, unit);
    int column = block.head * ROW;
    layout.fill(layout.queries(buffer.index), buffer.parity, a.qkv, column,
                a.firstQuery + block.first, block.image);
    buffer.advance();
    for (int keys = 0; keys < keyBlocks(a); keys++) {
      int row = keys * STAGE_KEYS;
      layout.fill(layout.keys(stage.index), stage.parity, a.qkv, a.width + column, row,
                  block.image);
      layout.fill(layout.values(stage.index), stage.parity, a.qkv, 2 * a.width + column, row,
                  block.image);
      stage.advance();
    }
  }
}

/// What a lane keeps of its two rows of queries: sums relative to the largest score so far.
struct RunningRows {
  using Scores = float[STAGE_KEYS / 8][4];
  using Results = float[ROW / 8][4];
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};
  float shrink[2];

  /// Turns scores into probabilities relative to the largest so far; what was summed up before has
  /// to be multiplied by `shrink`.
  __device__ void exponentials(Scores& scores, float scale) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float now = largest[h];
#pragma unroll
      for (int j = 0; j < STAGE_KEYS / 8; j++) {
        now = fmaxf(now, fmaxf(scores[j][2 * h], scores[j][2 * h + 1]));
      }
      now = largestOfFour(now);
      shrink[h] = exp2((largest[h] - now) * scale);
      largest[h] = now;
      float offset = now * scale;
      float added = 0;
#pragma unroll
      for (int j = 0; j < STAGE_KEYS / 8; j++) {
        float p0 = exp2(fmaf(scores[j][2 * h], scale, -offset));
        float p1 = exp2(fmaf(scores[j][2 * h + 1], scale, -offset));
        scores[j][2 * h] = p0;
        scores[j][2 * h + 1] = p1;
        added += p0 + p1;
      }
      sum[h] = fmaf(sum[h], shrink[h], added);
    }
  }

  __device__ void shrinkResults(Results& results) const {
#pragma unroll
    for (int j = 0; j < ROW / 8; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        results[j][e] *= shrink[e / 2];
      }
    }
  }
};

/// Takes out the scores of keys that are not there: those from `keys` on.
__device__ inline void mask(RunningRows::Scores& scores, int keys) {
#pragma unroll
  for (int j = 0; j < STAGE_KEYS / 8; j++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      int key = 8 * j + threadIdx.x % 4 * 2 + e % 2;
      scores[j][e] = key < keys ? scores[j][e] : -INFINITY;
    }
  }
}

/// Starts 64 x 128 scores.
__device__ inline void startScores(RunningRows::Scores& scores, u32 queries, u32 keys) {
  u64 left = descriptor(queries);
  u64 right = descriptor(keys);
  multiplyFirst(scores, left, right);
#pragma unroll
  for (int k = 1; k < ROW / 16; k++) {
    multiplyAdd(scores, left + 2 * k, right + 2 * k);
  }
  commitProducts();
}

/// Probabilities of 128 keys as left operands of 16 keys each.
using Probabilities = u32[STAGE_KEYS / 16][4];

__device__ inline void packProbabilities(Probabilities& probabilities,
                                         const RunningRows::Scores& scores) {
#pragma unroll
  for (int k = 0; k < STAGE_KEYS / 16; k++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      probabilities[k][h] = pack(scores[2 * k][2 * h], scores[2 * k][2 * h + 1]);
      probabilities[k][2 + h] = pack(scores[2 * k + 1][2 * h], scores[2 * k + 1][2 * h + 1]);
    }
  }
}

/// Starts adding what 128 values contribute to 64 results.
__device__ inline void startResults(RunningRows::Results& results,
                                    const Probabilities& probabilities, u32 values) {
  u64 right = descriptor(values);
#pragma unroll
  for (int k = 0; k < STAGE_KEYS / 16; k++) {
    constexpr int sixteenRows = 16 * ROW_BYTES / CHUNK;
    multiplyAddTransposed(results, probabilities[k], right + k * sixteenRows);
  }
  commitProducts();
}

__device__ inline void hold(Probabilities& probabilities) {
#pragma unroll
  for (int k = 0; k < STAGE_KEYS / 16; k++) {
    hold(probabilities[k]);
  }
}

/// Divides the results by their sums and stores them.
__device__ inline void storeResults(const HopperAttentionArguments& a, const QueryBlock& block,
                                    const RunningRows& running,
                                    const RunningRows::Results& results) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float scale = reciprocal(sumOfFour(running.sum[h]));
    int query = block.first + multiplyingGroup() * GROUP_QUERIES + rowOfLane() + 8 * h;
    u64 row = (u64)block.image * a.rowsOfY + a.firstQuery + query;
    u16* y = a.y + row * a.strideOfY + block.head * ROW + columnOfFour();
#pragma unroll
    for (int j = 0; j < ROW / 8; j += 2) {
      float4 v = fourOfRow(results[j], results[j + 1], h);
      if (query < a.queries) {
        *(uint2*)(y + 8 * j) = {pack(v.x * scale, v.y * scale), pack(v.z * scale, v.w * scale)};
      }
    }
  }
}

/// A warp group's 64 queries of a block against all keys.
__device__ inline void attend(const HopperAttentionArguments& a, const Layout& layout,
                              const QueryBlock& block, const Position<2>& buffer,
                              Position<STAGES>& stage, Turns& turns) {
  u32 queryBox = layout.queries(buffer.index);
  u32 queries = queryBox + multiplyingGroup() * GROUP_QUERIES * ROW_BYTES;
  int blocks = keyBlocks(a);
  RunningRows running;
  RunningRows::Scores scores;
  RunningRows::Results results;
  Probabilities probabilities;
  clear(scores);
  clear(results);

  waitFor(layout.full(queryBox), buffer.parity);
  waitFor(layout.full(layout.keys(stage.index)), stage.parity);
  hold(scores);
  beginProducts();
  startScores(scores, queries, layout.keys(stage.index));
  waitForProducts<0>();
  hold(scores);
  layout.release(layout.keys(stage.index));
  if (a.tokens < STAGE_KEYS) {
    mask(scores, a.tokens);
  }
  running.exponentials(scores, a.scale);
  packProbabilities(probabilities, scores);

#pragma unroll 1
  for (int keys = 1; keys < blocks; keys++) {
    Position<STAGES> behind = stage;
    stage.advance();
    waitFor(layout.full(layout.keys(stage.index)), stage.parity);
    waitFor(layout.full(layout.values(behind.index)), behind.parity);
    hold(scores);
    hold(results);
    hold(probabilities);
    turns.take(layout);
    beginProducts();
    startScores(scores, queries, layout.keys(stage.index));
    startResults(results, probabilities, layout.values(behind.index));
    turns.give(layout);
    waitForProducts<1>();
    hold(scores);
    layout.release(layout.keys(stage.index));
    if (a.tokens - keys * STAGE_KEYS < STAGE_KEYS) {
      mask(scores, a.tokens - keys * STAGE_KEYS);
    }
    running.exponentials(scores, a.scale);
    waitForProducts<0>();
    hold(results);
    hold(probabilities);
    layout.release(layout.values(behind.index));
    running.shrinkResults(results);
    packProbabilities(probabilities, scores);
  }
  layout.release(queryBox);
  waitFor(layout.full(layout.values(stage.index)), stage.parity);
  hold(results);
  hold(probabilities);
  beginProducts();
  startResults(results, probabilities, layout.values(stage.index));
  waitForProducts<0>();
  hold(results);
  layout.release(layout.values(stage.index));
  stage.advance();
  storeResults(a, block, running, results);
}

__device__ inline void hopperAttention(const HopperAttentionArguments& a) {
  extern __shared__ __align__(1024) unsigned char memory[];
  Layout layout = {sharedAddress(memory)};
  auto prepare = [&] {
    prefetch(a.qkv);
    layout.initialiseBarriers();
  };
  auto copy = [&] { fillBoxes(a, layout); };
  auto multiply = [&] {
    Position<2> buffer;
    Position<STAGES> stage;
    Turns turns;
    for (int unit = blockIdx.x; unit < a.units; unit += gridDim.x) {
      attend(a, layout, QueryBlock(a, unit), buffer, stage, turns);
      buffer.advance();
    }
  };
  runWarpGroups<1>(prepare, copy, multiply);
}

}  // namespace fovea

FOVEA_HOPPER_KERNEL(1, hopper_attention)
(const __grid_constant__ fovea::HopperAttentionArguments arguments) {
  fovea::hopperAttention(arguments);
}
