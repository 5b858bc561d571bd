// Kernels for the interpreter's tests that use what compute capability 9.0 has: memory barriers, bulk copies, clusters,
// products of four warps. Each can be told to make a mistake. Operands have 64 numbers of 16 bits in a row, swizzled.
// Built by: nvcc --ptx -arch=compute_90a -O3 -o hopper.ptx hopper.cu
#include <cuda_fp16.h>
#include <stdint.h>

enum Mistake {
  NONE,
  NO_WAIT_FOR_STAGE,
  TOO_FEW_BYTES,
  TOO_MANY_BYTES,
  NO_WAIT_FOR_ROOM,
  RELEASE_BEFORE_WAIT,
  NO_PRODUCT_FENCE,
  NO_PRODUCT_WAIT,
  WRONG_DESCRIPTOR,
  NO_BARRIER_BEFORE,
  NO_BARRIER_BEHIND,
  NO_BARRIER_FENCE,
  NO_GRID_WAIT,
  NOT_INITIALISED,
  ONE_WARP_MISSING,
  WRITE_STAGE_IN_USE,
  NO_PROXY_FENCE,
  NO_STORE_WAIT,
  OVERWRITE_STORED,
  NO_STORE_FENCE
};

constexpr int ROW_BYTES = 128;
constexpr int WARP_GROUP = 128;

__device__ __forceinline__ uint32_t sharedAddress(const void* pointer) {
  return (uint32_t)__cvta_generic_to_shared(pointer);
}

__device__ __forceinline__ void initialise(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

__device__ __forceinline__ void arriveAndExpect(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ __forceinline__ void arriveAt(uint32_t barrier, uint32_t block) {
  asm volatile(
      "{\n .reg .b32 remote;\n mapa.shared::cluster.u32 remote, %0, %1;\n"
      " mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n}" ::"r"(barrier),
      "r"(block)
      : "memory");
}

__device__ __forceinline__ void waitFor(uint32_t barrier, uint32_t parity) {
  asm volatile(
      "{\n .reg .pred p;\nagain:\n mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n @!p bra again;\n}" ::"r"(
          barrier),
      "r"(parity)
      : "memory");
}

__device__ __forceinline__ uint32_t blockOfCluster() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

__device__ __forceinline__ void synchroniseCluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

__device__ __forceinline__ void fenceProxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ __forceinline__ void fenceProducts() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void commitProducts() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int GROUPS>
__device__ __forceinline__ void waitForProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(GROUPS) : "memory");
}

// 128-byte swizzle, eight rows in 1024 bytes.
__device__ __forceinline__ uint64_t descriptor(uint32_t address) {
  return 1ull << 62 | 64ull << 32 | 1ull << 16 | (address & 0x3ffff) >> 4;
}

// Keeps accesses to the sums on their side.
__device__ __forceinline__ void hold(float (&sums)[32]) {
#pragma unroll
  for (int i = 0; i < 32; i++) {
    asm volatile("" : "+f"(sums[i])::"memory");
  }
}

#define SUMS                                                                                                        \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, " \
  "%24, %25, %26, %27, %28, %29, %30, %31}"
#define FOUR(s, i) "+f"(s[i]), "+f"(s[i + 1]), "+f"(s[i + 2]), "+f"(s[i + 3])
#define ALL(s) FOUR(s, 0), FOUR(s, 4), FOUR(s, 8), FOUR(s, 12), FOUR(s, 16), FOUR(s, 20), FOUR(s, 24), FOUR(s, 28)

// sums += a b^T, or sums = a b^T: rows of a, and of b, are along k.
__device__ __forceinline__ void multiply(float (&sums)[32], uint64_t a, uint64_t b, int adds) {
  asm volatile(
      "{\n .reg .pred p;\n setp.ne.b32 p, %34, 0;\n"
      " wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 " SUMS ", %32, %33, p, 1, 1, 0, 0;\n}"
      : ALL(sums)
      : "l"(a), "l"(b), "r"(adds));
}

// sums += a b: a in registers, rows of b are across k.
__device__ __forceinline__ void multiply(float (&sums)[32], const uint32_t (&a)[4], uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 " SUMS ", {%32, %33, %34, %35}, %36, 1, 1, 1, 1;\n"
      : ALL(sums)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

struct alignas(64) TensorMap {
  uint64_t encoded[16];
};

// c[m, 64 t] = a[m, k] b[64 t, k]^T; a cluster of two blocks computes 256 rows, two warp groups 64 each of a block.
struct GemmArguments {
  TensorMap a;      // boxes of 128 rows
  const uint8_t* b;  // [t, k / 64, 64 rows swizzled]
  float* c;
  int columns;
  int steps;
  int mistake;
};

constexpr int STAGES = 3;
constexpr int LEFT_BYTES = 128 * ROW_BYTES;
constexpr int RIGHT_BYTES = 64 * ROW_BYTES;
constexpr int STAGE_BYTES = LEFT_BYTES + RIGHT_BYTES;
constexpr int CLUSTER = 2;

struct Ring {
  uint32_t shared;
  int stage = 0;
  uint32_t parity = 0;

  __device__ uint32_t address() const { return shared + stage * STAGE_BYTES; }
  __device__ uint32_t full() const { return shared + STAGES * STAGE_BYTES + stage * 8; }
  __device__ uint32_t empty() const { return full() + STAGES * 8; }

  __device__ void advance() {
    if (++stage == STAGES) {
      stage = 0;
      parity ^= 1;
    }
  }

  __device__ void release() const {
    if (threadIdx.x % 32 < CLUSTER) {
      arriveAt(empty(), threadIdx.x % 32);
    }
  }
};

__device__ __forceinline__ void fill(const GemmArguments& a, Ring ring) {
  uint32_t rank = blockOfCluster();
  constexpr int half = RIGHT_BYTES / CLUSTER;
  int bytes = STAGE_BYTES + (a.mistake == TOO_MANY_BYTES ? 16 : 0) - (a.mistake == TOO_FEW_BYTES ? half : 0);
  for (int step = 0; step < a.steps; step++) {
    if (a.mistake != NO_WAIT_FOR_ROOM) {
      waitFor(ring.empty(), ring.parity ^ 1);
    }
    arriveAndExpect(ring.full(), bytes);
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::
            "r"(ring.address()),
        "l"(&a.a), "r"(step * 64), "r"(blockIdx.x * 128), "r"(0), "r"(ring.full())
        : "memory");
    const uint8_t* source = a.b + ((size_t)blockIdx.y * a.steps + step) * RIGHT_BYTES + rank * half;
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1], %2, [%3], "
        "%4;" ::"r"(ring.address() + LEFT_BYTES + rank * half),
        "l"(source), "r"(half), "r"(ring.full()), "h"((uint16_t)3)
        : "memory");
    ring.advance();
  }
}

__device__ __forceinline__ void compute(const GemmArguments& a, Ring ring) {
  int group = threadIdx.x / WARP_GROUP - 1;
  int warp = threadIdx.x % WARP_GROUP / 32;
  int lane = threadIdx.x % 32;
  float sums[32] = {};
  Ring behind = ring;
  for (int step = 0; step < a.steps; step++) {
    if (a.mistake != NO_WAIT_FOR_STAGE) {
      waitFor(ring.full(), ring.parity);
    }
    uint32_t rows = ring.address() + group * 64 * ROW_BYTES;
    uint64_t left = descriptor(rows);
    uint64_t right = descriptor(ring.address() + LEFT_BYTES) + (a.mistake == WRONG_DESCRIPTOR ? 32 * 64 * STAGES : 0);
    hold(sums);
    if (a.mistake != NO_PRODUCT_FENCE) {
      fenceProducts();
    }
#pragma unroll
    for (int k = 0; k < 4; k++) {
      if (a.mistake != ONE_WARP_MISSING || warp != 2 || step != 1) {
        multiply(sums, left + 2 * k, right + 2 * k, 1);
      }
    }
    commitProducts();
    if (a.mistake == WRITE_STAGE_IN_USE) {
      asm volatile("st.shared.u32 [%0], %1;" ::"r"(rows + warp * 16 * ROW_BYTES + lane * 4), "r"(0) : "memory");
    }
    if (a.mistake == RELEASE_BEFORE_WAIT) {
      ring.release();
      waitForProducts<0>();
    } else if (step > 0) {
      waitForProducts<1>();
      behind.release();
      behind.advance();
    }
    ring.advance();
  }
  if (a.mistake != NO_PRODUCT_WAIT) {
    waitForProducts<0>();
  }
  if (a.mistake != RELEASE_BEFORE_WAIT) {
    behind.release();
  }
  hold(sums);
  float* c = a.c + (size_t)(blockIdx.x * 128 + group * 64 + warp * 16 + lane / 4) * a.columns + blockIdx.y * 64;
#pragma unroll
  for (int i = 0; i < 32; i++) {
    c[i / 2 % 2 * 8 * a.columns + i / 4 * 8 + lane % 4 * 2 + i % 2] = sums[i];
  }
}

extern __shared__ __align__(1024) uint8_t memory[];

extern "C" __global__ void __launch_bounds__(384, 1) __cluster_dims__(CLUSTER, 1, 1)
    gemm(const __grid_constant__ GemmArguments a) {
  Ring ring = {sharedAddress(memory)};
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES - (a.mistake == NOT_INITIALISED); i++) {
      uint32_t full = ring.shared + STAGES * STAGE_BYTES + i * 8;
      initialise(full, 1);
      initialise(full + STAGES * 8, 2 * 4 * CLUSTER);
    }
    if (a.mistake != NO_BARRIER_FENCE) {
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
  }
  if (a.mistake == NO_BARRIER_BEFORE) {
    __syncthreads();
  } else {
    synchroniseCluster();
  }
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  if (a.mistake != NO_GRID_WAIT) {
    asm volatile("griddepcontrol.wait;" ::: "memory");
  }
  if (threadIdx.x < WARP_GROUP) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x == 0) {
      fill(a, ring);
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    compute(a, ring);
  }
  if (a.mistake != NO_BARRIER_BEHIND) {
    synchroniseCluster();
  }
}

// What stands in front of the product: brings operands to where it reads them.
struct CopyArguments {
  const uint4* from;
  uint4* to;
  int count;
};

extern "C" __global__ void copy(const __grid_constant__ CopyArguments a) {
  for (int i = threadIdx.x; i < a.count; i += blockDim.x) {
    a.to[i] = a.from[i];
  }
}

// o[64, 64] = (q k^T) v for 64-wide q[64], k[64 n], v[64 n]: scores go from sums to operands in registers. The result is
// rounded to 16 bits and leaves through shared memory.
struct AttentionArguments {
  const uint4* q;
  const uint4* k;
  const uint4* v;
  uint4* o;
  int blocks;
  int mistake;
};

__device__ __forceinline__ uint32_t swizzled(int row, int piece) { return row * ROW_BYTES + ((piece ^ row % 8) << 4); }

__device__ __forceinline__ void load(uint32_t target, const uint4* rows) {
  for (int i = threadIdx.x; i < 64 * 8; i += WARP_GROUP) {
    uint4 x = rows[i];
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(target + swizzled(i / 8, i % 8)), "r"(x.x),
                 "r"(x.y), "r"(x.z), "r"(x.w)
                 : "memory");
  }
}

__device__ __forceinline__ uint32_t pack(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

extern "C" __global__ void __launch_bounds__(128) attention(const __grid_constant__ AttentionArguments a) {
  constexpr int tile = 64 * ROW_BYTES;
  uint32_t q = sharedAddress(memory);
  uint32_t k = q + tile;
  uint32_t v = k + tile;
  float out[32] = {};
  load(q, a.q);
  for (int block = 0; block < a.blocks; block++) {
    load(k, a.k + block * 64 * 8);
    load(v, a.v + block * 64 * 8);
    if (a.mistake != NO_PROXY_FENCE) {
      fenceProxy();
    }
    __syncthreads();
    float scores[32];
    hold(scores);
    fenceProducts();
#pragma unroll
    for (int i = 0; i < 4; i++) {
      multiply(scores, descriptor(q) + 2 * i, descriptor(k) + 2 * i, i > 0);
    }
    commitProducts();
    waitForProducts<0>();
    hold(scores);
    uint32_t operands[4][4];
#pragma unroll
    for (int i = 0; i < 16; i++) {
      operands[i / 4][i % 4] = pack(scores[2 * i], scores[2 * i + 1]);
    }
    hold(out);
    fenceProducts();
#pragma unroll
    for (int i = 0; i < 4; i++) {
      multiply(out, operands[i], descriptor(v + i * 16 * ROW_BYTES));
    }
    commitProducts();
    if (a.mistake != RELEASE_BEFORE_WAIT) {
      waitForProducts<0>();
    }
    __syncthreads();
  }
  waitForProducts<0>();
  hold(out);
  int warp = threadIdx.x / 32;
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    uint32_t target = q + (warp * 16 + lane % 16) * ROW_BYTES + i * 32 + lane / 16 * 16;
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(target),
                 "r"(pack(out[8 * i], out[8 * i + 1])), "r"(pack(out[8 * i + 2], out[8 * i + 3])),
                 "r"(pack(out[8 * i + 4], out[8 * i + 5])), "r"(pack(out[8 * i + 6], out[8 * i + 7]))
                 : "memory");
  }
  if (a.mistake != NO_STORE_FENCE) {
    fenceProxy();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(a.o), "r"(q), "r"(tile)
                 : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    if (a.mistake == OVERWRITE_STORED) {
      asm volatile("st.shared.u32 [%0], %1;" ::"r"(q + 64), "r"(0) : "memory");
    }
    if (a.mistake != NO_STORE_WAIT) {
      asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
    }
  }
}
