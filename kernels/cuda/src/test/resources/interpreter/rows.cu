// Reductions for the interpreter's tests. Built by: nvcc --ptx -arch=compute_80 -O3 -o rows.ptx rows.cu
#include <cuda_bf16.h>
#include <cuda_fp16.h>

struct RowArguments {
  const float* x;
  float* y;
  unsigned* counter;
  int rows;
  int columns;
};

__constant__ float SCALE[4] = {1.0f, 0.5f, 0.25f, 0.125f};
__device__ unsigned launches;

__device__ __forceinline__ float warpSum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

// Sum over the block; every thread gets it.
__device__ __noinline__ float blockSum(float value) {
  __shared__ float partial[32];
  value = warpSum(value);
  if ((threadIdx.x & 31) == 0) partial[threadIdx.x >> 5] = value;
  __syncthreads();
  value = (threadIdx.x & 31) < (blockDim.x >> 5) ? partial[threadIdx.x & 31] : 0.0f;
  value = warpSum(value);
  __syncthreads();
  return value;
}

// y[row, :] = softmax(x[row, :]); a block for every row.
extern "C" __global__ void __launch_bounds__(256) softmax(RowArguments arguments) {
  const float* x = arguments.x + (size_t)blockIdx.x * arguments.columns;
  float* y = arguments.y + (size_t)blockIdx.x * arguments.columns;
  float largest = -INFINITY;
  for (int column = threadIdx.x; column < arguments.columns; column += blockDim.x) largest = fmaxf(largest, x[column]);
  __shared__ float maxima[8];
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) {
    largest = fmaxf(largest, __shfl_down_sync(0xffffffffu, largest, distance));
  }
  if ((threadIdx.x & 31) == 0) maxima[threadIdx.x >> 5] = largest;
  __syncthreads();
  for (int warp = 0; warp < blockDim.x >> 5; warp++) largest = fmaxf(warp == 0 ? -INFINITY : largest, maxima[warp]);
  float sum = 0;
  for (int column = threadIdx.x; column < arguments.columns; column += blockDim.x) {
    float value = expf(x[column] - largest);
    y[column] = value;
    sum += value;
  }
  float scale = 1.0f / blockSum(sum);
  for (int column = threadIdx.x; column < arguments.columns; column += blockDim.x) y[column] *= scale;
}

// y[0] = sum of all, in a fixed order: every block leaves the sum of its row, the last block adds them up.
extern "C" __global__ void __launch_bounds__(256) total(RowArguments arguments) {
  const float* x = arguments.x + (size_t)blockIdx.x * arguments.columns;
  float sum = 0;
  for (int column = threadIdx.x; column < arguments.columns; column += blockDim.x) sum += x[column];
  sum = blockSum(sum);
  __shared__ bool last;
  if (threadIdx.x == 0) {
    arguments.y[1 + blockIdx.x] = sum;
    __threadfence();
    last = atomicInc(arguments.counter, gridDim.x - 1) == gridDim.x - 1;
    atomicAdd(&launches, 1u);
  }
  __syncthreads();
  if (last) {
    __threadfence();
    float all = 0;
    for (int block = threadIdx.x; block < gridDim.x; block += blockDim.x) all += __ldcg(&arguments.y[1 + block]);
    all = blockSum(all);
    if (threadIdx.x == 0) arguments.y[0] = all;
  }
}

// y = gelu(x) * SCALE[column % 4], by a jump table and the library's erff.
extern "C" __global__ void activate(RowArguments arguments) {
  int index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= arguments.rows * arguments.columns) return;
  float value = arguments.x[index];
  int column = index % arguments.columns;
  float result;
  switch (column % 6) {
    case 0: result = 0.5f * value * (1.0f + erff(value * 0.70710678f)); break;
    case 1: result = value / (1.0f + expf(-value)); break;
    case 2: result = tanhf(value); break;
    case 3: result = sqrtf(fabsf(value)) + logf(1.0f + fabsf(value)); break;
    case 4: result = __half2float(__float2half(value)) + __bfloat162float(__float2bfloat16(value)); break;
    default: result = value; break;
  }
  arguments.y[index] = result * SCALE[column & 3];
}

// Sums pairs of 16-bit numbers in packed arithmetic.
extern "C" __global__ void packed(RowArguments arguments) {
  int index = blockIdx.x * blockDim.x + threadIdx.x;
  float2 pair = reinterpret_cast<const float2*>(arguments.x)[index];
  __half2 half = __floats2half2_rn(pair.x, pair.y);
  __half2 sum = __hfma2(half, half, __hadd2(half, __float2half2_rn(1.0f)));
  __nv_bfloat162 brain = __floats2bfloat162_rn(pair.x, pair.y);
  __nv_bfloat162 product = __hmul2(brain, brain);
  float2 a = __half22float2(sum);
  float2 b = __bfloat1622float2(product);
  reinterpret_cast<float4*>(arguments.y)[index] = make_float4(a.x, a.y, b.x, b.y);
}
