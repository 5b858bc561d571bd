// Matrix products of compute capability 9.0: C[M, N] = A[M, K] W[N, K]^T, both operands row-major in
// 16 bits, sums in float32.
//
// A block stays and computes one tile after the other. One thread of its first warp group has boxes
// of both operands copied into a ring of stages, 64 numbers of K each; the two other warp groups
// multiply. Either they share a tile (GROUPS = 2), or they take turns (GROUPS = 1): then what one
// does behind its product, the other's product hides. The blocks of a cluster compute tiles below
// each other, and each copies its part of the weight's box to all of them.
//
// Weights are read as they lie, row-major: a box is cut out of them at the same cost as out of tiles
// packed for the purpose, and all other kernels and cuBLAS read the same memory.
//
// However large the tile, an element of C is the sum over K in steps of 16, one after the other.
#pragma once

#include "wgmma.cuh"

namespace fovea {

/// M: fragments of 64 rows of a warp group; GROUPS: warp groups that share a tile.
template <int M, int GROUPS, int COLUMNS, int STAGES, int CLUSTER>
struct HopperTile {
  static constexpr int m = M;
  static constexpr int groups = GROUPS;
  static constexpr int groupRows = 64 * M;
  static constexpr int rows = GROUPS * groupRows;
  static constexpr int columns = COLUMNS;
  static constexpr int stages = STAGES;
  static constexpr int cluster = CLUSTER;
  using Sums = float[M][COLUMNS / 8][4];

  static constexpr int leftBytes = rows * ROW_BYTES;
  static constexpr int stageBytes = (rows + COLUMNS) * ROW_BYTES;
  static constexpr int stagesBytes = STAGES * stageBytes;
  static constexpr int barriersBytes = (2 * STAGES + MULTIPLYING_GROUPS) * BARRIER_BYTES;

  static_assert(COLUMNS % (8 * CLUSTER) == 0, "blocks copy whole groups of 8 rows of the weight");
  static_assert(COLUMNS % GROUP == 0, "whole groups of statistics");
};

/// What blocks do, in units: a tile, or a part of a tile's K. Units of a tile are neighbours, then
/// come the tiles of a row.
struct Units {
  int tilesDown;  // rounded up to whole clusters
  int tilesAcross;
  int parts;      // of K
  int steps;      // of the whole K
  int partSteps;  // of every part but the last

  __device__ int count(int cluster) const { return tilesDown / cluster * tilesAcross * parts; }
};

/// One of them.
struct Unit {
  int tileDown;
  int tileAcross;
  int part;
  int firstStep;
  int steps;
};

/// The units of the calling block, in order. All blocks of a cluster do the same ones, in tiles
/// below each other.
template <class T>
struct Schedule {
  Units units;
  int next = blockIdx.x / T::cluster;

  __device__ bool has() const { return next < units.count(T::cluster); }

  __device__ void advance() { next += gridDim.x / T::cluster; }

  __device__ Unit unit() const {
    int tile = next / units.parts;
    int part = next - tile * units.parts;
    int down = tile / units.tilesAcross;
    int rank = T::cluster > 1 ? blockOfCluster() : 0;
    int firstStep = part * units.partSteps;
    return {down * T::cluster + rank, tile - down * units.tilesAcross, part, firstStep,
            min(units.partSteps, units.steps - firstStep)};
  }
};

/// The stages in shared memory: each has a barrier that says it is full, and one that it is empty.
/// All who go around it know where they are by themselves.
template <class T>
struct Ring {
  u32 shared;
  int stage = 0;
  u32 parity = 0;
  u32 turnParity = 0;

  __device__ explicit Ring(u32 shared) : shared(shared) {}

  __device__ u32 address() const { return shared + stage * T::stageBytes; }

  __device__ u32 full() const { return shared + T::stagesBytes + stage * BARRIER_BYTES; }

  __device__ u32 empty() const { return full() + T::stages * BARRIER_BYTES; }

  __device__ void advance() {
    stage++;
    if (stage == T::stages) {
      stage = 0;
      parity ^= 1;
    }
  }

  /// Leaves steps to the other warp group.
  __device__ void skip(int steps) {
    int all = stage + steps;
    parity ^= all / T::stages & 1;
    stage = all % T::stages;
  }

  /// One thread of the block does so, and the others wait for the cluster. A stage is full when its
  /// bytes are there, and empty when every warp that multiplies it has said so, in all blocks.
  __device__ void initialiseBarriers() const {
    for (int i = 0; i < T::stages; i++) {
      u32 barrier = shared + T::stagesBytes + i * BARRIER_BYTES;
      initialise(barrier, 1);
      initialise(barrier + T::stages * BARRIER_BYTES, 4 * T::groups * T::cluster);
    }
    for (int group = 0; group < MULTIPLYING_GROUPS; group++) {
      initialise(turn(group), WARP_GROUP);
    }
    fenceBarriers();
  }

  /// Says that it is a warp group's turn.
  __device__ u32 turn(int group) const {
    return shared + T::stagesBytes + (2 * T::stages + group) * BARRIER_BYTES;
  }

  /// Waits until the other warp group has seen all of its stages filled: the parity of a barrier
  /// does not tell the next phase from the one after. The first group's first turn is free.
  __device__ void takeTurn() {
    if constexpr (T::groups == 1) {
      int group = multiplyingGroup();
      waitFor(turn(group), turnParity ^ (group == 0));
      turnParity ^= 1;
    }
  }

  __device__ void giveTurn() const {
    if constexpr (T::groups == 1) {
      arrive(turn(1 - multiplyingGroup()));
    }
  }

  /// A warp has read the stage.
  __device__ void release() const {
    u32 lane = threadIdx.x % WARP;
    if constexpr (T::cluster > 1) {
      if (lane < T::cluster) {
        arriveAt(empty(), lane);
      }
    } else if (lane == 0) {
      arrive(empty());
    }
  }
};

/// Where the boxes of the operands come from.
struct Operands {
  const TensorMap& left;   // boxes of T::rows rows
  const TensorMap& right;  // boxes of T::columns / T::cluster rows
  int firstWeightRow;
};

/// A block's part of the weight's boxes.
template <class T>
struct WeightBoxes {
  static constexpr int rows = T::columns / T::cluster;
  const Operands& operands;
  u32 rank = T::cluster > 1 ? blockOfCluster() : 0;

  __device__ int column(const Unit& unit, int step) const { return (unit.firstStep + step) * ROW; }

  __device__ int row(const Unit& unit) const {
    return operands.firstWeightRow + unit.tileAcross * T::columns + rank * rows;
  }

  /// Announces all bytes of a stage, and has those copied that are the block's part of the weight.
  __device__ void copy(const Ring<T>& ring, const Unit& unit, int step) const {
    arriveAndExpect(ring.full(), T::stageBytes);
    u32 target = ring.address() + T::leftBytes + rank * rows * ROW_BYTES;
    if constexpr (T::cluster > 1) {
      constexpr u16 all = (1 << T::cluster) - 1;
      copyBoxToCluster(target, operands.right, column(unit, step), row(unit), 0, ring.full(), all);
    } else {
      copyBox(target, operands.right, column(unit, step), row(unit), 0, ring.full());
    }
  }
};

/// What the thread does that has the stages filled. The weights of the first unit are asked for
/// before the kernel in front has ended: as many boxes as there are stages, and into the
/// second-level cache the rest.
template <class T>
__device__ inline void fillStages(u32 shared, const Operands& operands, Schedule<T> schedule) {
  WeightBoxes<T> weights = {operands};
  Unit first = schedule.unit();
  int ahead = 0;
  for (Ring<T> ring(shared); ahead < min(first.steps, T::stages); ahead++) {
    weights.copy(ring, first, ahead);
    ring.advance();
  }
  for (int step = ahead; step < first.steps; step++) {
    prefetchBox(operands.right, weights.column(first, step), weights.row(first), 0);
  }
  waitForKernelInFront();
  for (Ring<T> ring(shared); schedule.has(); schedule.advance()) {
    Unit unit = schedule.unit();
#pragma unroll 1
    for (int step = 0; step < unit.steps; step++) {
      if (ahead > 0) {
        ahead--;
      } else {
        waitFor(ring.empty(), ring.parity ^ 1);
        weights.copy(ring, unit, step);
      }
      copyBox(ring.address(), operands.left, weights.column(unit, step), unit.tileDown * T::rows, 0,
              ring.full());
      ring.advance();
    }
  }
}

/// The calling warp group's sums over some steps, from zero. Calls prepare(stage's rows, step) when
/// a stage is full and before it is multiplied. With the last steps of a unit the turn ends.
template <class T, class Prepare>
__device__ inline void multiply(Ring<T>& ring, int steps, bool last, typename T::Sums& sums,
                                Prepare prepare) {
  u32 firstRow = T::groups == 1 ? 0 : multiplyingGroup() * T::groupRows * ROW_BYTES;
  Ring<T> behind = ring;
#pragma unroll
  for (int i = 0; i < T::m; i++) {
    clear(sums[i]);
  }
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    waitFor(ring.full(), ring.parity);
    if (last && step == steps - 1) {
      ring.giveTurn();
    }
    u32 rows = ring.address() + firstRow;
    prepare(rows, step);
    u64 left = descriptor(rows);
    u64 right = descriptor(ring.address() + T::leftBytes);
#pragma unroll
    for (int i = 0; i < T::m; i++) {
      hold(sums[i]);
    }
    beginProducts();
#pragma unroll
    for (int k = 0; k < ROW / 16; k++) {
#pragma unroll
      for (int i = 0; i < T::m; i++) {
        constexpr int fragment = 64 * ROW_BYTES / CHUNK;
        multiplyAdd(sums[i], left + i * fragment + 2 * k, right + 2 * k);
      }
    }
    commitProducts();
    if (step > 0) {
      waitForProducts<1>();
      behind.release();
      behind.advance();
    }
    ring.advance();
  }
  waitForProducts<0>();
  behind.release();
#pragma unroll
  for (int i = 0; i < T::m; i++) {
    hold(sums[i]);
  }
}

/// Computes the calling block's units: compute(ring, unit) is called by the warp groups that
/// multiply, for those that are theirs.
template <class T, class Compute>
__device__ inline void computeUnits(u32 shared, const Operands& operands, Schedule<T> schedule,
                                    Compute compute) {
  auto prepare = [&] {
    prefetch(operands.left);
    prefetch(operands.right);
    Ring<T>(shared).initialiseBarriers();
  };
  auto copy = [&] {
    if (schedule.has()) {
      fillStages(shared, operands, schedule);
    }
  };
  auto multiply = [&] {
    Ring<T> ring(shared);
    for (int turn = 0; schedule.has(); turn++) {
      Unit unit = schedule.unit();
      if (T::groups == 1 && turn % MULTIPLYING_GROUPS != multiplyingGroup()) {
        ring.skip(unit.steps);
      } else {
        compute(ring, unit);
      }
      schedule.advance();
    }
  };
  runWarpGroups<T::cluster>(prepare, copy, multiply);
}

}  // namespace fovea
