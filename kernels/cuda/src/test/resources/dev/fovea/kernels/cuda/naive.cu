// C = A W^T as a library would do it, one thread an element: stands in for one where there is no GPU.
// Build: nvcc --ptx -arch=compute_80 -O3 -o naive.ptx naive.cu
#include <cuda_bf16.h>
#include <cuda_fp16.h>

struct Arguments {
  const void* a;     // [rows, strideA]
  const void* w;     // [columns, strideW]
  const void* bias;  // [columns] of C's numbers, or null
  void* c;           // [rows, strideC]
  int columns;
  int inner;
  int strideA;
  int strideW;
  int strideC;
  int halfResult;
  int gelu;
};

template <class Half>
__device__ void multiply(const Arguments& arguments) {
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= arguments.columns) {
    return;
  }
  const Half* a = (const Half*)arguments.a + (size_t)blockIdx.y * arguments.strideA;
  const Half* w = (const Half*)arguments.w + (size_t)column * arguments.strideW;
  float sum = 0;
  for (int k = 0; k < arguments.inner; k++) {
    sum += (float)a[k] * (float)w[k];
  }
  if (arguments.bias) {
    sum += arguments.halfResult ? (float)((const Half*)arguments.bias)[column]
                                : ((const float*)arguments.bias)[column];
  }
  if (arguments.gelu) {
    sum = 0.5f * sum * (1 + erff(sum * 0.70710678f));
  }
  size_t place = (size_t)blockIdx.y * arguments.strideC + column;
  if (arguments.halfResult) {
    ((Half*)arguments.c)[place] = (Half)sum;
  } else {
    ((float*)arguments.c)[place] = sum;
  }
}

extern "C" __global__ void multiply_f16(const Arguments arguments) { multiply<__half>(arguments); }

extern "C" __global__ void multiply_bf16(const Arguments arguments) {
  multiply<__nv_bfloat16>(arguments);
}
