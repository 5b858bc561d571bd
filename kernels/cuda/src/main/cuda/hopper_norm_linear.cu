// y = act(LayerNorm(x) W^T + b) for all rows of x; compute capability 9.0.

#include "hopper_product.cuh"
#include "layer_norm.cuh"

namespace fovea {

struct HopperNormLinearArguments {
  TensorMap x;               // 16 bits, [rows, stride]
  TensorMap weight;          // [weightRows, stride]
  const float* full;         // x in float32
  const float2* statistics;  // [rows, stride / 32]
  const float* bias;         // [weightRows]
  const float* weightSums;   // [weightRows]
  u16* y;                    // [images, rowsOfY, strideOfY]
  Units units;
  Rows rows;  // all of them
  int rowsOfY;
  int stride;
  LayerNorm norm;
  int weightRows;
  int firstWeightRow;
  int strideOfY;
  int firstColumn;
  int columns;  // rounded up to a multiple of 4
  int activation;
};

/// The calling warp group's part of a tile.
template <class T>
struct NormedTile {
  const HopperNormLinearArguments& a;
  u32 moments;      // shared: mean and scale of its rows
  int firstRow;     // of x
  int firstColumn;  // of the product

  __device__ float2 momentsOf(int row) const {
    return loadSharedPair(moments + row * sizeof(float2));
  }

  /// Works out the moments of all rows; true if one of the rows is to be normalised from float32.
  __device__ bool computeMoments() const {
    synchroniseGroup(barrierOfGroup());  // Nobody reads those of the tile before any more.
    bool unfit = false;
    int row = threadIdx.x % WARP_GROUP;
    if (row < T::groupRows) {
      u64 rowOfX = min(firstRow + row, a.rows.total - 1);
      float2 moment = fovea::moments(a.statistics + rowOfX * (a.stride / GROUP), a.norm);
      storeShared(moments + row * sizeof(float2), moment);
      unfit = !(moment.y >= 0);
    }
    return anyOfGroup(barrierOfGroup(), unfit);
  }

  /// Overwrites the rows of a stage that 16 bits do not do.
  __device__ void normalise(u32 stage, int step) const {
#pragma unroll 1
    for (int index = threadIdx.x % WARP_GROUP; index < T::groupRows * 8; index += WARP_GROUP) {
      int row = index / 8;
      int chunk = index % 8;
      float2 moment = momentsOf(row);
      if (!(moment.y >= 0)) {
        u64 rowOfX = min(firstRow + row, a.rows.total - 1);
        const float* x = a.full + rowOfX * a.stride + step * ROW + chunk * 8;
        storeShared(stage + row * ROW_BYTES + swizzled(row, chunk), normalised(x, moment));
      }
    }
    fenceProxy();
    synchroniseGroup(barrierOfGroup());
  }

  /// Calls put(where the row begins in y or null, row's moments, sums, what is done to their columns,
  /// the first of those) for all fours of sums that the calling lane gets.
  template <class Put>
  __device__ void forEachFour(const typename T::Sums& sums, Put put) const {
    u16* y[T::m][2];
    float2 moment[T::m][2];
#pragma unroll
    for (int i = 0; i < T::m; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int row = rowOfLane() + 64 * i + 8 * half;
        bool stored = firstRow + row < a.rows.total;
        u64 rowOfY = a.rows.of(firstRow + row, a.rowsOfY);
        y[i][half] = stored ? a.y + rowOfY * a.strideOfY + a.firstColumn : nullptr;
        moment[i][half] = momentsOf(row);
      }
    }
#pragma unroll
    for (int j = 0; j < T::columns / 8; j += 2) {
      int column = firstColumn + 8 * j + columnOfFour();
      BehindProduct behind(a.weightSums, a.bias, a.firstWeightRow + column, a.weightRows);
#pragma unroll
      for (int i = 0; i < T::m; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float4 four = fourOfRow(sums[i][j], sums[i][j + 1], half);
          put(y[i][half], moment[i][half], four, behind, column);
        }
      }
    }
  }

  /// Stores columns of the product that are columns of y.
  template <class Function>
  __device__ void store(const typename T::Sums& sums) const {
    forEachFour(sums, [&](u16* y, float2 moment, float4 four, const BehindProduct& behind,
                          int column) {
      float4 v = behind.apply<Function>(moment, four);
      if (y != nullptr && column < a.columns) {
        *(uint2*)(y + column) = {pack(v.x, v.y), pack(v.z, v.w)};
      }
    });
  }

  /// The same for SwiGLU: rows of the gate and of the value alternate in the weight, so two columns
  /// of the product make one of y.
  __device__ void storeSwiGlu(const typename T::Sums& sums) const {
    forEachFour(sums, [&](u16* y, float2 moment, float4 four, const BehindProduct& behind,
                          int column) {
      float4 v = behind.apply<Identity>(moment, four);
      if (y != nullptr && column / 2 < a.columns) {
        *(u32*)(y + column / 2) = pack(gated(v.x, 1) * v.y, gated(v.z, 1) * v.w);
      }
    });
  }

  __device__ void store(const typename T::Sums& sums) const {
    switch (a.activation) {
      case GELU:
        store<Gelu>(sums);
        break;
      case QUICK_GELU:
        store<QuickGelu>(sums);
        break;
      case SWIGLU:
        storeSwiGlu(sums);
        break;
      default:
        store<Identity>(sums);
    }
  }
};

template <class T>
__device__ inline void hopperNormLinear(const HopperNormLinearArguments& a) {
  extern __shared__ __align__(1024) unsigned char memory[];
  u32 shared = sharedAddress(memory);
  Schedule<T> schedule = {a.units};
  Operands operands = {a.x, a.weight, a.firstWeightRow};
  u32 moments = shared + T::stagesBytes + T::barriersBytes +
                multiplyingGroup() * T::groupRows * sizeof(float2);
  int rowInTile = T::groups == 1 ? 0 : multiplyingGroup() * T::groupRows;
  computeUnits<T>(shared, operands, schedule, [&](Ring<T>& ring, const Unit& unit) {
    NormedTile<T> tile = {a, moments, unit.tileDown * T::rows + rowInTile,
                          unit.tileAcross * T::columns};
    bool anyUnfit = tile.computeMoments();
    typename T::Sums sums;
    ring.takeTurn();
    multiply<T>(ring, unit.steps, true, sums, [&](u32 stage, int step) {
      if (anyUnfit) {
        tile.normalise(stage, step);
      }
    });
    tile.store(sums);
  });
}

}  // namespace fovea

#define HOPPER_NORM_LINEAR(kernel, m, groups, columns, stages, cluster)                          \
  FOVEA_HOPPER_KERNEL(cluster, kernel)                                                           \
  (const __grid_constant__ fovea::HopperNormLinearArguments arguments) {                         \
    fovea::hopperNormLinear<fovea::HopperTile<m, groups, columns, stages, cluster>>(arguments);  \
  }

HOPPER_NORM_LINEAR(hopper_norm_linear_64x64, 1, 1, 64, 6, 1)
HOPPER_NORM_LINEAR(hopper_norm_linear_64x128, 1, 1, 128, 6, 1)
HOPPER_NORM_LINEAR(hopper_norm_linear_128x128, 2, 1, 128, 6, 1)
HOPPER_NORM_LINEAR(hopper_norm_linear_pair_128x128, 2, 1, 128, 6, 2)
HOPPER_NORM_LINEAR(hopper_norm_linear_pair_128x256, 1, 2, 256, 4, 2)
