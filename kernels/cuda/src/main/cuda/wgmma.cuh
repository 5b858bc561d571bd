// The products of a warp group, 128 threads: wgmma, which is of compute capability 9.0 alone.
//
// Rows of shared memory are 128 bytes with their chunks swizzled as everywhere here, which is the
// layout that wgmma calls its 128-byte swizzle; a matrix begins at a multiple of 1024 bytes.
//
// The sums of a product of 64 x 8 n: warp w of the group has rows 16 w to 16 w + 15; with g = lane /
// 4 and t = lane % 4, [j][0] and [j][1] are row g, columns 8 j + 2 t and the next; [j][2] and [j][3]
// are row g + 8.
#pragma once

#include "hopper.cuh"

namespace fovea {

#ifdef FOVEA_BF16
#define FOVEA_WGMMA_TYPES "f32.bf16.bf16"
#else
#define FOVEA_WGMMA_TYPES "f32.f16.f16"
#endif

/// Describes an operand in shared memory to wgmma: 8 rows are 1024 bytes, 128 bytes are swizzled.
/// Behind k numbers of a row it goes on with + k / 8, behind 8 k rows with + 64 k.
__device__ inline u64 descriptor(u32 address) {
  constexpr u64 swizzle128 = 1ull << 62;
  constexpr u64 eightRows = 1024 / CHUNK;
  return swizzle128 | eightRows << 32 | 1ull << 16 | (address & 0x3ffff) / CHUNK;
}

/// What the warp group has written to registers and, behind fenceProxy(), to shared memory may be
/// read by the products from here on.
__device__ inline void beginProducts() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// Ends a group of products.
__device__ inline void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Waits until at most so many of the newest groups are under way.
template <int GROUPS>
__device__ inline void waitForProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(GROUPS) : "memory");
}

/// Zeros, from which a product is summed up.
template <int N>
__device__ inline void clear(float (&sums)[N][4]) {
#pragma unroll
  for (int j = 0; j < N; j++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      sums[j][e] = 0;
    }
  }
}

/// Keeps the compiler from moving accesses to the sums over this point, beyond which, or until
/// which, they belong to the tensor cores.
template <int N>
__device__ inline void hold(float (&sums)[N][4]) {
#pragma unroll
  for (int j = 0; j < N; j++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      asm volatile("" : "+f"(sums[j][e])::"memory");
    }
  }
}

/// Two neighbouring fragments of a row, 8 columns each, of which the calling lane gets 4 columns
/// beside each other: those from columnOfFour() on, counted from the first of the 16.
__device__ inline float4 fourOfRow(const float (&first)[4], const float (&second)[4], int half) {
  bool odd = threadIdx.x % 2;
  float given0 = odd ? first[2 * half] : second[2 * half];
  float given1 = odd ? first[2 * half + 1] : second[2 * half + 1];
  float got0 = __shfl_xor_sync(0xffffffff, given0, 1);
  float got1 = __shfl_xor_sync(0xffffffff, given1, 1);
  return odd ? float4{got0, got1, second[2 * half], second[2 * half + 1]}
             : float4{first[2 * half], first[2 * half + 1], got0, got1};
}

__device__ inline int columnOfFour() {
  int t = threadIdx.x % 4;
  return t % 2 * 8 + t / 2 * 4;
}

/// The first of the calling lane's rows among those of its warp group; half h of fragment i is 64 i
/// + 8 h below.
__device__ inline int rowOfLane() {
  return threadIdx.x % WARP_GROUP / WARP * 16 + threadIdx.x % WARP / 4;
}

// The operands of the instructions, which have to be listed.
#define FOVEA_D32 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define FOVEA_D48 \
  FOVEA_D32 \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define FOVEA_D64 \
  FOVEA_D48 \
  ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define FOVEA_D96 \
  FOVEA_D64 \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79" \
  ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define FOVEA_D128 \
  FOVEA_D96 \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" \
  ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

#define FOVEA_S1(s, j) "+f"(s[j][0]), "+f"(s[j][1]), "+f"(s[j][2]), "+f"(s[j][3])
#define FOVEA_S4(s, j) \
  FOVEA_S1(s, j), FOVEA_S1(s, (j) + 1), FOVEA_S1(s, (j) + 2), FOVEA_S1(s, (j) + 3)
#define FOVEA_S8(s, j) FOVEA_S4(s, j), FOVEA_S4(s, (j) + 4)
#define FOVEA_S12(s, j) FOVEA_S8(s, j), FOVEA_S4(s, (j) + 8)
#define FOVEA_S16(s, j) FOVEA_S8(s, j), FOVEA_S8(s, (j) + 8)
#define FOVEA_S24(s, j) FOVEA_S16(s, j), FOVEA_S8(s, (j) + 16)
#define FOVEA_S32(s, j) FOVEA_S16(s, j), FOVEA_S16(s, (j) + 16)

/// sums += a b^T: a are 64 rows of 16 numbers, b 8 n rows of 16.
#define FOVEA_WGMMA(n, columns, d, s, a, b)                                                  \
  __device__ inline void multiplyAdd(float (&sums)[n][4], u64 left, u64 right) {             \
    asm volatile("wgmma.mma_async.sync.aligned.m64n" #columns "k16." FOVEA_WGMMA_TYPES " {"  \
                 d "}, " a ", " b ", 1, 1, 1, 0, 0;"                                         \
                 : s(sums, 0)                                                                \
                 : "l"(left), "l"(right));                                                   \
  }

FOVEA_WGMMA(8, 64, FOVEA_D32, FOVEA_S8, "%32", "%33")
FOVEA_WGMMA(12, 96, FOVEA_D48, FOVEA_S12, "%48", "%49")
FOVEA_WGMMA(16, 128, FOVEA_D64, FOVEA_S16, "%64", "%65")
FOVEA_WGMMA(24, 192, FOVEA_D96, FOVEA_S24, "%96", "%97")
FOVEA_WGMMA(32, 256, FOVEA_D128, FOVEA_S32, "%128", "%129")

/// sums = a b^T, whatever the sums have been.
__device__ inline void multiplyFirst(float (&sums)[16][4], u64 left, u64 right) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n128k16." FOVEA_WGMMA_TYPES " {" FOVEA_D64
               "}, %64, %65, 0, 1, 1, 0, 0;"
               : FOVEA_S16(sums, 0)
               : "l"(left), "l"(right));
}

/// sums += a b: of a every warp holds its 16 rows of 16 numbers as for mma.sync, b are 16 rows of
/// 64 numbers.
__device__ inline void multiplyAddTransposed(float (&sums)[8][4], const u32 (&a)[4], u64 right) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16." FOVEA_WGMMA_TYPES " {" FOVEA_D32
               "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
               : FOVEA_S8(sums, 0)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(right));
}

/// Keeps registers that products read as they are up to this point.
__device__ inline void hold(u32 (&registers)[4]) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    asm volatile("" : "+r"(registers[i])::"memory");
  }
}

}  // namespace fovea
