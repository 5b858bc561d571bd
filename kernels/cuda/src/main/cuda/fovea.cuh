// What all kernels share: 16-bit numbers, tensor-core instructions, asynchronous copies.
//
// Every file is compiled twice, for float16 and for bfloat16 (FOVEA_BF16); the names of the kernels
// end accordingly. Only instructions of PTX 7.0 and compute capability 8.0 are used.
#pragma once

#ifdef FOVEA_BF16
#define FOVEA_NAME(name) name##_bf16
#else
#define FOVEA_NAME(name) name##_f16
#endif

/// Starts the definition of a kernel that never has more than `threads` threads in a block.
#define FOVEA_KERNEL(threads, name) \
  extern "C" __global__ void __launch_bounds__(threads) FOVEA_NAME(name)

namespace fovea {

using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

constexpr int WARP = 32;

/// Bytes of one copy, of one swizzled piece of a row in shared memory: 8 numbers of 16 bits.
constexpr int CHUNK = 16;

/// Numbers of 16 bits in a row of shared memory, which is 128 bytes: all banks once.
constexpr int ROW = 64;
constexpr int ROW_BYTES = 128;

/// Columns of the residual stream that one pair of statistics is about.
constexpr int GROUP = 32;

// ---- 16-bit numbers, two of them in a register: the first in the low half

__device__ inline u32 pack(float low, float high) {
  u32 result;
#ifdef FOVEA_BF16
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
#else
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
#endif
  return result;
}

__device__ inline u16 round16(float value) {
  return (u16)pack(value, 0);
}

__device__ inline float widen(u16 bits) {
#ifdef FOVEA_BF16
  return __uint_as_float((u32)bits << 16);
#else
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(bits));
  return result;
#endif
}

/// What is left of a number when the bits that 16-bit numbers do not have are cut off.
__device__ inline float cut16(float value) {
#ifdef FOVEA_BF16
  return __uint_as_float(__float_as_uint(value) & 0xffff0000);
#else
  return __uint_as_float(__float_as_uint(value) & 0xffffe000);
#endif
}

/// The range of the 16-bit numbers: the square of the largest, and the smallest standard deviation
/// of a row whose typical elements still have all their bits.
#ifdef FOVEA_BF16
constexpr float LARGEST_SQUARE = 3.0e38f;
constexpr float SMALLEST_VARIANCE = 0;
#else
constexpr float LARGEST_SQUARE = 65504.0f * 65504.0f;
constexpr float SMALLEST_VARIANCE = 1.0f / (4096.0f * 4096.0f);
#endif

// ---- special functions, each one instruction

/// 2^x with a relative error of 2^-22; 0 for minus infinity.
__device__ inline float exp2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

/// 1/x within one unit of the last place.
__device__ inline float reciprocal(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

constexpr float LOG2_E = 1.44269504f;

// ---- shared memory and asynchronous copies

__device__ inline u32 sharedAddress(const void* pointer) {
  return (u32)__cvta_generic_to_shared(pointer);
}

/// Copies 16 bytes from global to shared memory, past the first-level cache.
__device__ inline void copyAsync(u32 target, const void* source) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(target), "l"(source) : "memory");
}

/// The same, or zeros; the source has to be a valid address in either case.
__device__ inline void copyAsyncOrZero(u32 target, const void* source, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source),
               "r"(valid ? 16 : 0)
               : "memory");
}

/// Ends a group of copies.
__device__ inline void commitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most so many of this thread's newest groups are under way.
template <int GROUPS>
__device__ inline void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}

__device__ inline void storeShared(u32 target, uint4 value) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(target), "r"(value.x), "r"(value.y),
               "r"(value.z), "r"(value.w)
               : "memory");
}

__device__ inline void storeShared(u32 target, u32 value) {
  asm volatile("st.shared.b32 [%0], %1;" ::"r"(target), "r"(value) : "memory");
}

__device__ inline void storeShared(u32 target, float2 value) {
  asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(target), "f"(value.x), "f"(value.y)
               : "memory");
}

__device__ inline uint4 loadShared(u32 source) {
  uint4 value;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "r"(source)
               : "memory");
  return value;
}

__device__ inline float2 loadSharedPair(u32 source) {
  float2 value;
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];"
               : "=f"(value.x), "=f"(value.y)
               : "r"(source)
               : "memory");
  return value;
}

__device__ inline float4 loadSharedFloats(u32 source) {
  float4 value;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(value.x), "=f"(value.y), "=f"(value.z), "=f"(value.w)
               : "r"(source)
               : "memory");
  return value;
}

/// Where a chunk of a row of 64 numbers lies behind the row's beginning: chunks change places from
/// row to row, so that the same chunk of 8 rows lies in 8 different groups of banks.
__device__ inline u32 swizzled(int row, int chunk) {
  return (u32)(chunk ^ (row & 7)) * CHUNK;
}

// ---- tensor cores

/// Four 8 x 8 matrices; lane l gives the address of row l % 8 of matrix l / 8 and gets the elements
/// 2 (l % 4) and 2 (l % 4) + 1 of row l / 4 of each.
__device__ inline void loadMatrices(u32 (&registers)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(address)
               : "memory");
}

/// The same with every matrix transposed.
__device__ inline void loadMatricesTransposed(u32 (&registers)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(address)
               : "memory");
}

/// sums += a b for a of 16 x 16 and b of 16 x 8. With g = lane / 4 and t = lane % 4 a lane holds of
/// the sums: row g, columns 2t and 2t + 1; row g + 8, the same columns.
__device__ inline void multiplyAdd(float (&sums)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#ifdef FOVEA_BF16
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
#else
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
#endif
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// ---- sums over lanes, the same bits in all of them

/// Over the 4 lanes that share the rows of a fragment.
__device__ inline float sumOfFour(float value) {
  value += __shfl_xor_sync(0xffffffff, value, 1);
  return value + __shfl_xor_sync(0xffffffff, value, 2);
}

__device__ inline float largestOfFour(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffff, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffff, value, 2));
}

/// Over the 8 lanes that share a group of 32 columns.
__device__ inline float sumOfEight(float value) {
  value = sumOfFour(value);
  return value + __shfl_xor_sync(0xffffffff, value, 4);
}

/// Over a warp.
__device__ inline float sumOfWarp(float value) {
#pragma unroll
  for (int distance = 1; distance < WARP; distance *= 2) {
    value += __shfl_xor_sync(0xffffffff, value, distance);
  }
  return value;
}

// ---- rows

/// Some rows of every image of a matrix.
struct Rows {
  int first;
  int count;
  int total;  // of all images

  /// The row of the index-th of them all in a matrix that has so many rows for every image.
  __device__ u32 of(int index, int rowsOfAnImage) const {
    int image = index / count;
    return (u32)image * rowsOfAnImage + first + (index - image * count);
  }
};

}  // namespace fovea
