// What stands in front of and behind the matrix products of NVIDIA's libraries, which read rows
// without gaps and know neither our activations nor LayerScale. Each of these kernels is one way
// through memory that the fused kernels do not make.

#include "activation.cuh"
#include "residual.cuh"

namespace fovea {

/// A warp has a row.
constexpr int THREADS = 128;
constexpr int WARPS = THREADS / WARP;

/// The calling warp's row, counted over the grid.
__device__ inline int rowOfWarp() { return blockIdx.x * WARPS + threadIdx.x / WARP; }

struct TakeRowsArguments {
  const u16* x;  // [images, rowsOfX, stride]
  u16* y;        // [rows.total, stride]
  Rows rows;
  int rowsOfX;
  int stride;
};

/// Some rows of every image, one behind the other.
__device__ inline void takeRows(const TakeRowsArguments& a) {
  int index = rowOfWarp();
  if (index >= a.rows.total) {
    return;
  }
  const uint4* x = (const uint4*)(a.x + (u64)a.rows.of(index, a.rowsOfX) * a.stride);
  uint4* y = (uint4*)(a.y + (u64)index * a.stride);
  for (int chunk = threadIdx.x % WARP; chunk < a.stride / 8; chunk += WARP) {
    y[chunk] = x[chunk];
  }
}

struct ActivateArguments {
  const float* products;  // [rows.total, strideOfProducts]
  const float* bias;      // of the first of these columns, and so on
  u16* y;                 // [images, rowsOfY, strideOfY]
  Rows rows;
  int rowsOfY;
  int strideOfProducts;
  int strideOfY;
  int firstColumn;
  int columns;
  int activation;
};

__device__ inline float activated(float x, int activation) {
  switch (activation) {
    case GELU:
      return Gelu::apply(x);
    case QUICK_GELU:
      return QuickGelu::apply(x);
    default:
      return x;
  }
}

/// y = act(product + bias). With SwiGLU, columns of the gate and of the value alternate.
__device__ inline void activate(const ActivateArguments& a) {
  int index = rowOfWarp();
  if (index >= a.rows.total) {
    return;
  }
  const float* products = a.products + (u64)index * a.strideOfProducts;
  u16* y = a.y + (u64)a.rows.of(index, a.rowsOfY) * a.strideOfY + a.firstColumn;
  for (int column = threadIdx.x % WARP; column < a.columns; column += WARP) {
    if (a.activation == SWIGLU) {
      float2 product = ((const float2*)products)[column];
      float2 bias = ((const float2*)a.bias)[column];
      y[column] = round16(gated(product.x + bias.x, 1) * (product.y + bias.y));
    } else {
      y[column] = round16(activated(products[column] + a.bias[column], a.activation));
    }
  }
}

struct AddArguments {
  const float* products;  // [rows.total, x.stride]
  const float* gamma;     // [x.width]
  const float* bias;      // [x.width], times gamma
  Residual x;
  Rows rows;
  int rowsOfX;
};

/// x += gamma product + bias, in all forms of x.
__device__ inline void addProducts(const AddArguments& a) {
  int index = rowOfWarp();
  if (index >= a.rows.total) {
    return;
  }
  int lane = threadIdx.x % WARP;
  const float* products = a.products + (u64)index * a.x.stride;
  u64 row = a.rows.of(index, a.rowsOfX);
  for (int first = 0; first < a.x.width; first += GROUP) {
    int columns = columnsOfGroup(first, a.x.width);
    int column = first + lane;
    u64 offset = row * a.x.stride + column;
    float value = 0;
    if (lane < columns) {
      value = a.x.full[offset] + fmaf(a.gamma[column], products[column], a.bias[column]);
      a.x.full[offset] = value;
      a.x.half[offset] = round16(value);
    }
    float sum = sumOfWarp(value);
    float difference = lane < columns ? value - meanOfGroup(sum, columns) : 0;
    float squares = sumOfWarp(difference * difference);
    if (lane == 0) {
      a.x.statistics[row * a.x.groups() + first / GROUP] = {sum, squares};
    }
  }
}

}  // namespace fovea

FOVEA_KERNEL(fovea::THREADS, take_rows)(const fovea::TakeRowsArguments arguments) {
  fovea::takeRows(arguments);
}

FOVEA_KERNEL(fovea::THREADS, activate)(const fovea::ActivateArguments arguments) {
  fovea::activate(arguments);
}

FOVEA_KERNEL(fovea::THREADS, add_products)(const fovea::AddArguments arguments) {
  fovea::addProducts(arguments);
}
