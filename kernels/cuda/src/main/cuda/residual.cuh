// The residual stream: float32, a 16-bit copy that the next product reads, and of every 32 columns
// of a row their sum and the sum of squared differences from their mean, from which the next
// LayerNorm gets its mean and its standard deviation.
#pragma once

#include "fovea.cuh"

namespace fovea {

/// All forms are padded with zeros to `stride` columns, a multiple of 64.
struct Residual {
  float* full;
  u16* half;
  float2* statistics;
  int stride;
  int width;

  __device__ int groups() const { return stride / GROUP; }
};

/// Columns of a group that are not padding.
__device__ inline int columnsOfGroup(int firstColumn, int width) {
  return max(0, min(GROUP, width - firstColumn));
}

__device__ inline float meanOfGroup(float sum, int columns) {
  return sum * reciprocal((float)max(columns, 1));
}

}  // namespace fovea
