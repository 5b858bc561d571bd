// Test-time registers: what some neurons hold is moved to one row, and rows are given constants.
// Elements are moved as they are, so these kernels are exact in either form of a matrix.

#include "fovea.cuh"

namespace fovea {

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / WARP;

__device__ inline float number(float value) { return value; }

__device__ inline float number(u16 value) { return widen(value); }

struct MoveArguments {
  void* x;             // [images, rows, stride]
  const int* columns;  // [count]
  int count;
  int rows;
  int stride;
  int row;  // that gets what is taken from the others
};

/// A value and where it was found, in the order of rows and then of columns as they are listed.
struct Found {
  float value;
  int place;

  /// The one farther from zero, the first of several.
  __device__ Found farther(Found other) const {
    float own = fabsf(value);
    float others = fabsf(other.value);
    bool better = others > own || (others == own && other.place < place);
    return better ? other : *this;
  }

  __device__ Found fromLane(int distance) const {
    return {__shfl_xor_sync(0xffffffff, value, distance),
            __shfl_xor_sync(0xffffffff, place, distance)};
  }
};

/// Over the block, the same in all of its threads.
__device__ inline float largestOfBlock(float value) {
  __shared__ float largest[WARPS];
#pragma unroll
  for (int distance = 1; distance < WARP; distance *= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffff, value, distance));
  }
  if (threadIdx.x % WARP == 0) {
    largest[threadIdx.x / WARP] = value;
  }
  __syncthreads();
  for (int warp = 0; warp < WARPS; warp++) {
    value = fmaxf(value, largest[warp]);
  }
  return value;
}

__device__ inline Found farthestOfBlock(Found found) {
  __shared__ Found farthest[WARPS];
#pragma unroll
  for (int distance = 1; distance < WARP; distance *= 2) {
    found = found.farther(found.fromLane(distance));
  }
  if (threadIdx.x % WARP == 0) {
    farthest[threadIdx.x / WARP] = found;
  }
  __syncthreads();
  for (int warp = 0; warp < WARPS; warp++) {
    found = found.farther(farthest[warp]);
  }
  return found;
}

__device__ inline void put(float* target, float value) { *target = value; }

/// The value comes from 16 bits and fits into them again.
__device__ inline void put(u16* target, float value) { *target = round16(value); }

/// Block (c, image): the row gets the largest element of column c, the others get 0.
template <class Number>
__device__ inline void moveMaximum(const MoveArguments& a) {
  Number* x =
      (Number*)a.x + (u64)blockIdx.y * a.rows * a.stride + a.columns[blockIdx.x];
  float largest = -__builtin_huge_valf();
  for (int row = threadIdx.x; row < a.rows; row += THREADS) {
    largest = fmaxf(largest, number(x[(u64)row * a.stride]));
  }
  largest = largestOfBlock(largest);
  for (int row = threadIdx.x; row < a.rows; row += THREADS) {
    put(x + (u64)row * a.stride, row == a.row ? largest : 0);
  }
}

/// Block (0, image): the row gets, in all columns, the element of any of them that is farthest from
/// zero; the others get 0, except row 0.
template <class Number>
__device__ inline void moveFarthest(const MoveArguments& a) {
  Number* x = (Number*)a.x + (u64)blockIdx.y * a.rows * a.stride;
  int elements = a.rows * a.count;
  Found found = {0, elements};
  for (int place = threadIdx.x; place < elements; place += THREADS) {
    int row = place / a.count;
    int column = a.columns[place - row * a.count];
    found = found.farther({number(x[(u64)row * a.stride + column]), place});
  }
  found = farthestOfBlock(found);
  for (int place = threadIdx.x; place < elements; place += THREADS) {
    int row = place / a.count;
    int column = a.columns[place - row * a.count];
    if (row == a.row || row > 0) {
      put(x + (u64)row * a.stride + column, row == a.row ? found.value : 0);
    }
  }
}

struct WriteArguments {
  const void* elements;  // [rows, columns]
  void* x;               // [images, rowsOfX, stride]
  int columns;
  int rowsOfX;
  int stride;
  int firstRow;
  int firstColumn;
};

/// Block (row, image) copies a row of the elements.
template <class Number>
__device__ inline void write(const WriteArguments& a) {
  const Number* from = (const Number*)a.elements + (u64)blockIdx.x * a.columns;
  Number* to = (Number*)a.x +
               ((u64)blockIdx.y * a.rowsOfX + a.firstRow + blockIdx.x) * a.stride + a.firstColumn;
  for (int column = threadIdx.x; column < a.columns; column += THREADS) {
    to[column] = from[column];
  }
}

}  // namespace fovea

FOVEA_KERNEL(fovea::THREADS, move_maximum_full)(const fovea::MoveArguments arguments) {
  fovea::moveMaximum<float>(arguments);
}

FOVEA_KERNEL(fovea::THREADS, move_maximum_half)(const fovea::MoveArguments arguments) {
  fovea::moveMaximum<fovea::u16>(arguments);
}

FOVEA_KERNEL(fovea::THREADS, move_farthest_full)(const fovea::MoveArguments arguments) {
  fovea::moveFarthest<float>(arguments);
}

FOVEA_KERNEL(fovea::THREADS, move_farthest_half)(const fovea::MoveArguments arguments) {
  fovea::moveFarthest<fovea::u16>(arguments);
}

FOVEA_KERNEL(fovea::THREADS, write_full)(const fovea::WriteArguments arguments) {
  fovea::write<float>(arguments);
}

FOVEA_KERNEL(fovea::THREADS, write_half)(const fovea::WriteArguments arguments) {
  fovea::write<fovea::u16>(arguments);
}
