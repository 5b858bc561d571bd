// Tiled matrix products for the interpreter's tests: c[m, n] = a[m, k] w[n, k]^T, 16-bit operands, float32 sums.
// Uses what the shipped kernels use: three stages of cp.async with zero fill at the edges, an XOR swizzle,
// ldmatrix and mma.sync. Built by: nvcc --ptx -arch=compute_80 -O3 -o gemm.ptx gemm.cu
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

struct GemmArguments {
  const void* a;
  const void* w;
  float* c;
  int m;
  int n;
  int k;
};

constexpr int TILE_M = 64;
constexpr int TILE_N = 64;
constexpr int TILE_K = 64;
constexpr int STAGES = 3;
constexpr int THREADS = 128;
constexpr int STAGE_BYTES = (TILE_M + TILE_N) * TILE_K * 2;

// Byte offset of the 16-byte piece `piece` of row `row` in a tile of 128-byte rows.
__device__ __forceinline__ int swizzled(int row, int piece) { return row * 128 + ((piece ^ (row & 7)) << 4); }

__device__ __forceinline__ void copyAsync(uint32_t target, const void* source, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(target), "l"(source), "r"(bytes));
}

__device__ __forceinline__ void loadMatrices(uint32_t (&fragment)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
               : "r"(address));
}

template <bool BFLOAT>
__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (BFLOAT) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

// Rows [firstRow, firstRow + 64) and columns [firstColumn, firstColumn + 64) of a [rows, columns] matrix; zero outside.
__device__ __forceinline__ void loadTile(
    uint32_t shared, const uint16_t* matrix, int firstRow, int rows, int firstColumn, int columns) {
  for (int piece = threadIdx.x; piece < 64 * 8; piece += THREADS) {
    int row = piece >> 3;
    int column = firstColumn + (piece & 7) * 8;
    bool inside = firstRow + row < rows && column < columns;
    const uint16_t* source = inside ? matrix + (size_t)(firstRow + row) * columns + column : matrix;
    copyAsync(shared + swizzled(row, piece & 7), source, inside ? 16 : 0);
  }
}

template <bool BFLOAT>
__device__ __forceinline__ void gemm(const GemmArguments& arguments) {
  extern __shared__ __align__(128) uint8_t memory[];
  const uint16_t* a = static_cast<const uint16_t*>(arguments.a);
  const uint16_t* w = static_cast<const uint16_t*>(arguments.w);
  int firstRow = blockIdx.y * TILE_M;
  int firstColumn = blockIdx.x * TILE_N;
  int warp = threadIdx.x >> 5;
  int lane = threadIdx.x & 31;
  int warpRow = (warp & 1) * 32;
  int warpColumn = (warp >> 1) * 32;
  uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(memory));
  int steps = (arguments.k + TILE_K - 1) / TILE_K;

  auto load = [&](int step) {
    if (step < steps) {
      uint32_t stage = base + (step % STAGES) * STAGE_BYTES;
      loadTile(stage, a, firstRow, arguments.m, step * TILE_K, arguments.k);
      loadTile(stage + TILE_M * 128, w, firstColumn, arguments.n, step * TILE_K, arguments.k);
    }
    asm volatile("cp.async.commit_group;\n");
  };

  float sums[2][4][4] = {};
  for (int step = 0; step < STAGES - 1; step++) load(step);
  for (int step = 0; step < steps; step++) {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(STAGES - 2));
    __syncthreads();
    load(step + STAGES - 1);
    uint32_t tileA = base + (step % STAGES) * STAGE_BYTES;
    uint32_t tileW = tileA + TILE_M * 128;
#pragma unroll
    for (int k = 0; k < TILE_K / 16; k++) {
      uint32_t left[2][4], right[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        loadMatrices(left[i], tileA + swizzled(warpRow + i * 16 + (lane & 15), k * 2 + (lane >> 4)));
        loadMatrices(right[i], tileW + swizzled(warpColumn + i * 16 + (lane & 7) + (lane >> 4) * 8, k * 2 + ((lane >> 3) & 1)));
      }
#pragma unroll
      for (int i = 0; i < 2; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          multiply<BFLOAT>(sums[i][j], left[i], right[j >> 1][(j & 1) * 2], right[j >> 1][(j & 1) * 2 + 1]);
        }
      }
    }
  }

#pragma unroll
  for (int i = 0; i < 2; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int row = firstRow + warpRow + i * 16 + half * 8 + (lane >> 2);
        int column = firstColumn + warpColumn + j * 8 + (lane & 3) * 2;
        if (row < arguments.m && column < arguments.n) {
          float2 pair = make_float2(sums[i][j][half * 2], sums[i][j][half * 2 + 1]);
          *reinterpret_cast<float2*>(arguments.c + (size_t)row * arguments.n + column) = pair;
        }
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) gemm_f16(GemmArguments arguments) { gemm<false>(arguments); }

extern "C" __global__ void __launch_bounds__(THREADS) gemm_bf16(GemmArguments arguments) { gemm<true>(arguments); }
