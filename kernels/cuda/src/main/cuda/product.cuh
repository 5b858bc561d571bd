// Matrix products on tensor cores: C[M, N] = A[M, K] W[N, K]^T, both operands row-major in 16 bits,
// sums in float32.
//
// A block computes a tile of C. It walks along K in steps of 64: a ring of stages in shared memory
// is filled by asynchronous copies, some steps ahead of the tensor cores. However large the tile,
// an element of C is the sum over K in steps of 16, one after the other, so its bits do not depend
// on the tile.
#pragma once

#include "fovea.cuh"

namespace fovea {

/// A tile, the parts of it that warps compute, and the number of stages.
template <int ROWS, int COLUMNS, int WARP_ROWS, int WARP_COLUMNS, int STAGES>
struct Tile {
  static constexpr int rows = ROWS;
  static constexpr int columns = COLUMNS;
  static constexpr int stages = STAGES;
  static constexpr int warpRows = WARP_ROWS;
  static constexpr int warpColumns = WARP_COLUMNS;
  static constexpr int warpsAcross = COLUMNS / WARP_COLUMNS;
  static constexpr int threads = ROWS / WARP_ROWS * warpsAcross * WARP;

  /// Fragments of a warp, 16 rows by 8 columns each: the lane's [0], [1] are in row lane / 4,
  /// columns 2 (lane % 4) and the next; [2], [3] are 8 rows below.
  static constexpr int m = WARP_ROWS / 16;
  static constexpr int n = WARP_COLUMNS / 8;
  using Sums = float[m][n][4];

  /// Rows of shared memory that all threads fill together, 8 threads a row.
  static constexpr int rowsOfPass = threads / 8;

  static constexpr int leftBytes = ROWS * ROW_BYTES;
  static constexpr int stageBytes = (ROWS + COLUMNS) * ROW_BYTES;
  static constexpr int stagesBytes = STAGES * stageBytes;

  static_assert(ROWS % rowsOfPass == 0 && COLUMNS % rowsOfPass == 0, "whole passes");
  static_assert(COLUMNS % GROUP == 0, "whole groups of statistics");
};

/// Where the calling thread puts its chunks into a stage: the same one of every rowsOfPass-th row.
template <class T>
struct Slot {
  int row = threadIdx.x / 8;
  int chunk = threadIdx.x % 8;
  u32 offset = row * ROW_BYTES + swizzled(row, chunk);

  /// Its address in a pass over the rows.
  __device__ u32 at(u32 rows, int pass) const {
    return rows + offset + pass * T::rowsOfPass * ROW_BYTES;
  }
};

/// The right operand: rows of a weight.
template <class T>
struct Weights {
  static constexpr int passes = T::columns / T::rowsOfPass;
  Slot<T> slot;
  const char* source;
  u32 rowBytes;
  int first;
  int last;

  /// Rows from `first` on; where there are no more, the last one stands in.
  __device__ Weights(const u16* weight, int stride, int first, int rows)
      : source((const char*)weight + slot.chunk * CHUNK),
        rowBytes(stride * 2),
        first(first + slot.row),
        last(rows - 1) {}

  __device__ void load(u32 stage, int step) const {
    const char* from = source + step * ROW_BYTES;
#pragma unroll
    for (int pass = 0; pass < passes; pass++) {
      int row = min(first + pass * T::rowsOfPass, last);
      copyAsync(slot.at(stage + T::leftBytes, pass), from + (u64)row * rowBytes);
    }
  }

  /// Starts the first stages, ahead of the left operand.
  __device__ void loadFirst(u32 shared, int firstStep, int steps) const {
    for (int stage = 0; stage < T::stages - 1 && stage < steps; stage++) {
      load(shared + stage * T::stageBytes, firstStep + stage);
    }
  }
};

/// A left operand: rows of a matrix of tokens.
template <class T>
struct TokenRows {
  static constexpr int passes = T::rows / T::rowsOfPass;
  Slot<T> slot;
  const char* source;
  u32 rowBytes;
  u32 rows[passes];

  /// `tokenRows` says, in shared memory, where every row of the tile lies.
  __device__ TokenRows(const u16* tokens, int stride, const u32* tokenRows)
      : source((const char*)tokens + slot.chunk * CHUNK), rowBytes(stride * 2) {
#pragma unroll
    for (int pass = 0; pass < passes; pass++) {
      rows[pass] = tokenRows[slot.row + pass * T::rowsOfPass];
    }
  }

  __device__ void load(u32 stage, int step) const {
    const char* from = source + step * ROW_BYTES;
#pragma unroll
    for (int pass = 0; pass < passes; pass++) {
      copyAsync(slot.at(stage, pass), from + (u64)rows[pass] * rowBytes);
    }
  }
};

/// Adds one stage's product to the sums.
template <class T>
__device__ inline void multiplyStage(u32 stage, typename T::Sums& sums) {
  int warp = threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  u32 left = stage + (warp / T::warpsAcross * T::warpRows + lane % 16) * ROW_BYTES;
  u32 right = stage + T::leftBytes +
              (warp % T::warpsAcross * T::warpColumns + lane % 8 + lane / 16 * 8) * ROW_BYTES;
#pragma unroll
  for (int k = 0; k < ROW / 16; k++) {
    u32 a[T::m][4];
    u32 b[T::n / 2][4];
#pragma unroll
    for (int i = 0; i < T::m; i++) {
      loadMatrices(a[i], left + i * 16 * ROW_BYTES + swizzled(lane, 2 * k + lane / 16));
    }
#pragma unroll
    for (int j = 0; j < T::n / 2; j++) {
      loadMatrices(b[j], right + j * 16 * ROW_BYTES + swizzled(lane, 2 * k + lane / 8 % 2));
    }
#pragma unroll
    for (int i = 0; i < T::m; i++) {
#pragma unroll
      for (int j = 0; j < T::n / 2; j++) {
        multiplyAdd(sums[i][2 * j], a[i], b[j][0], b[j][1]);
        multiplyAdd(sums[i][2 * j + 1], a[i], b[j][2], b[j][3]);
      }
    }
  }
}

template <class T>
__device__ inline void clear(typename T::Sums& sums) {
#pragma unroll
  for (int i = 0; i < T::m; i++) {
#pragma unroll
    for (int j = 0; j < T::n; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        sums[i][j][e] = 0;
      }
    }
  }
}

template <class T>
__device__ inline void add(typename T::Sums& total, const typename T::Sums& sums) {
#pragma unroll
  for (int i = 0; i < T::m; i++) {
#pragma unroll
    for (int j = 0; j < T::n; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        total[i][j][e] += sums[i][j][e];
      }
    }
  }
}

/// Walks along K; afterwards the stages are free for other use. `weights` has started its first
/// stages. Calls afterStep(step) behind every step, counted from 0.
template <class T, class Left, class AfterStep>
__device__ inline void multiply(u32 shared, const Left& left, const Weights<T>& weights,
                                int firstStep, int steps, typename T::Sums& sums,
                                AfterStep afterStep) {
  for (int stage = 0; stage < T::stages - 1; stage++) {
    if (stage < steps) {
      left.load(shared + stage * T::stageBytes, firstStep + stage);
    }
    commitCopies();
  }
  u32 current = shared;
  u32 ahead = shared + (T::stages - 1) * T::stageBytes;
  u32 end = shared + T::stagesBytes;
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    waitForCopies<T::stages - 2>();
    __syncthreads();
    if (step + T::stages - 1 < steps) {
      left.load(ahead, firstStep + step + T::stages - 1);
      weights.load(ahead, firstStep + step + T::stages - 1);
    }
    commitCopies();
    multiplyStage<T>(current, sums);
    afterStep(step);
    ahead = current;
    current = current + T::stageBytes == end ? shared : current + T::stageBytes;
  }
  waitForCopies<0>();
  __syncthreads();
}

/// A tile of sums on its way from the fragments to whole rows, in the shared memory of the stages.
/// Rows are 8 numbers longer than they need to be, so that 4 of them begin in different banks.
template <class T>
struct ResultTile {
  static constexpr u32 pitch = (T::columns + 8) * sizeof(float);
  static_assert(T::rows * pitch <= T::stagesBytes, "the result fits into the stages");

  /// A thread has 4 columns, and every rowStep-th row of them.
  static constexpr int fours = T::columns / 4;
  static constexpr int rowStep = T::threads / fours;
  static_assert(T::threads % fours == 0 && T::rows % rowStep == 0, "the same for all threads");

  u32 shared;

  /// Waits for all threads, once they have put their sums.
  __device__ ResultTile(u32 shared, const typename T::Sums& sums) : shared(shared) {
    int warp = threadIdx.x / WARP;
    int lane = threadIdx.x % WARP;
    int row = warp / T::warpsAcross * T::warpRows + lane / 4;
    int column = warp % T::warpsAcross * T::warpColumns + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < T::m; i++) {
#pragma unroll
      for (int j = 0; j < T::n; j++) {
        u32 target = at(row + 16 * i, column + 8 * j);
        storeShared(target, float2{sums[i][j][0], sums[i][j][1]});
        storeShared(target + 8 * pitch, float2{sums[i][j][2], sums[i][j][3]});
      }
    }
    __syncthreads();
  }

  __device__ u32 at(int row, int column) const { return shared + row * pitch + column * 4; }

  /// The first of the calling thread's columns. Eight threads beside each other have 32 columns of
  /// the same row.
  __device__ int column() const { return threadIdx.x % fours * 4; }

  /// The first of the calling thread's rows.
  __device__ int row() const { return threadIdx.x / fours; }

  /// The sums of a row and the calling thread's columns.
  __device__ float4 sums(int row) const { return loadSharedFloats(at(row, column())); }
};

}  // namespace fovea
