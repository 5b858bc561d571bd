// What the kernels of compute capability 9.0 share: barriers in shared memory, copies of boxes of a
// matrix, clusters, and the overlap of a kernel with the one in front of it.
#pragma once

#include "fovea.cuh"

/// Starts the definition of a kernel of three warp groups a block, whose blocks come in clusters.
#define FOVEA_HOPPER_KERNEL(cluster, name) \
  extern "C" __global__ void __launch_bounds__(384, 1) FOVEA_CLUSTER_##cluster FOVEA_NAME(name)
#define FOVEA_CLUSTER_1
#define FOVEA_CLUSTER_2 __cluster_dims__(2, 1, 1)

namespace fovea {

/// Threads of a warp group, which multiplies together.
constexpr int WARP_GROUP = 4 * WARP;

/// One warp group of a block copies, the others multiply.
constexpr int MULTIPLYING_GROUPS = 2;

/// The warp group of the calling thread among those that multiply; -1 for the one that copies.
__device__ inline int multiplyingGroup() {
  return (int)threadIdx.x / WARP_GROUP - 1;
}

/// A barrier for each warp group that multiplies; 0 is that of the whole block.
__device__ inline int barrierOfGroup() {
  return multiplyingGroup() + 1;
}

/// A matrix as the driver encodes it for copies of boxes; lies in the kernel's parameters.
struct alignas(64) TensorMap {
  u64 encoded[16];
};

/// Has a description of a matrix fetched before it is needed.
__device__ inline void prefetch(const TensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// ---- programmatic dependent launch: a kernel may start before the one in front of it has ended

/// Waits for the end of the kernel in front. Every thread calls it before it reads what other
/// kernels write, or writes what they read. Weights are written by none.
__device__ inline void waitForKernelInFront() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

/// From here on the kernel behind may start where there is room.
__device__ inline void letKernelBehindStart() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

// ---- registers of a warp group, which those who multiply get from those who copy

template <int REGISTERS>
__device__ inline void shrinkRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS>
__device__ inline void growRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

// ---- barriers in shared memory

constexpr int BARRIER_BYTES = 8;

/// A barrier whose phases end after so many arrivals, and when all bytes that were announced came.
__device__ inline void initialise(u32 barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/// Shows initialised barriers to the copies, and to the other blocks of the cluster.
__device__ inline void fenceBarriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/// Arrives, and announces bytes that copies will bring.
__device__ inline void arriveAndExpect(u32 barrier, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

__device__ inline void arrive(u32 barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// Arrives at the same barrier of another block of the cluster.
__device__ inline void arriveAt(u32 barrier, u32 block) {
  asm volatile(
      "{\n .reg .b32 remote;\n mapa.shared::cluster.u32 remote, %0, %1;\n"
      " mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n}" ::"r"(barrier),
      "r"(block)
      : "memory");
}

__device__ inline bool hasPassed(u32 barrier, u32 parity) {
  u32 passed;
  asm volatile(
      "{\n .reg .pred p;\n mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
      " selp.b32 %0, 1, 0, p;\n}"
      : "=r"(passed)
      : "r"(barrier), "r"(parity)
      : "memory");
  return passed;
}

/// Waits for the end of the phase of this parity; the first one has parity 0.
__device__ inline void waitFor(u32 barrier, u32 parity) {
  while (!hasPassed(barrier, parity)) {
  }
}

/// A barrier of one warp group, one of 1 to 15.
__device__ inline void synchroniseGroup(int barrier) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(WARP_GROUP) : "memory");
}

/// The same; true for all if it is for one.
__device__ inline bool anyOfGroup(int barrier, bool value) {
  u32 any;
  asm volatile(
      "{\n .reg .pred p, q;\n setp.ne.u32 p, %3, 0;\n bar.red.or.pred q, %1, %2, p;\n"
      " selp.u32 %0, 1, 0, q;\n}"
      : "=r"(any)
      : "r"(barrier), "n"(WARP_GROUP), "r"((u32)value)
      : "memory");
  return any;
}

/// Shows this thread's writes to shared memory to the products and copies that read it.
__device__ inline void fenceProxy() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- clusters

__device__ inline u32 blockOfCluster() {
  u32 rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

/// All threads of all blocks of the cluster; of the block where it stands alone.
template <int CLUSTER>
__device__ inline void synchroniseCluster() {
  if constexpr (CLUSTER > 1) {
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
  } else {
    __syncthreads();
  }
}

// ---- copies of boxes; one thread asks for them, a barrier counts their bytes

/// Copies the box that begins at a column, a row and an image.
__device__ inline void copyBox(u32 target, const TensorMap& map, int column, int row, int image,
                               u32 barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%2, %3, %4}], [%5];" ::"r"(target),
      "l"(&map), "r"(column), "r"(row), "r"(image), "r"(barrier)
      : "memory");
}

/// The same to all blocks of the cluster that have a bit in `blocks`, at the same address in each.
__device__ inline void copyBoxToCluster(u32 target, const TensorMap& map, int column, int row,
                                        int image, u32 barrier, u16 blocks) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%2, %3, %4}], [%5], %6;" ::"r"(target),
      "l"(&map), "r"(column), "r"(row), "r"(image), "r"(barrier), "h"(blocks)
      : "memory");
}

/// Has a box brought into the second-level cache.
__device__ inline void prefetchBox(const TensorMap& map, int column, int row, int image) {
  asm volatile("cp.async.bulk.prefetch.tensor.3d.L2.global [%0, {%1, %2, %3}];" ::"l"(&map),
               "r"(column), "r"(row), "r"(image)
               : "memory");
}

// ---- who does what

/// What all blocks of three warp groups do: one thread prepares barriers, one copies, and the other
/// two warp groups multiply and wait for the kernel in front before that.
template <int CLUSTER, class Prepare, class Copy, class Multiply>
__device__ inline void runWarpGroups(Prepare prepare, Copy copy, Multiply multiply) {
  if (threadIdx.x == 0) {
    prepare();
  }
  __syncwarp();
  synchroniseCluster<CLUSTER>();
  letKernelBehindStart();
  if (multiplyingGroup() < 0) {
    shrinkRegisters<24>();
    if (threadIdx.x == 0) {
      copy();
    }
    __syncwarp();
  } else {
    growRegisters<240>();
    waitForKernelInFront();
    multiply();
  }
  // Another block of the cluster may still be about to arrive at a barrier of this one.
  synchroniseCluster<CLUSTER>();
}

}  // namespace fovea
