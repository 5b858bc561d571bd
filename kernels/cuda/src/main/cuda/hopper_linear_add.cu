// x += gamma (a W^T + b) for all rows of a; compute capability 9.0.
//
// A long K is summed in the same chains as in linear_add.cu, for the same reason: with many rows a
// warp group adds the chains of its tile (`hopper_linear_add`), with few the chains go to different
// warp groups, and the last of a tile to arrive adds them (`hopper_linear_add_split`).

#include "hopper_product.cuh"
#include "residual.cuh"

namespace fovea {

struct HopperLinearAddArguments {
  TensorMap a;         // 16 bits, [rows, stride]
  TensorMap weight;    // [weightRows, stride]
  const float* gamma;  // [weightRows]
  const float* bias;   // [weightRows], times gamma
  Residual x;          // [images, rowsOfX, x.stride]
  float* partials;     // [tiles, chains, the tile's sums]; for the split kernels
  u32* arrived;        // [tiles], 0 between launches; for the split kernels
  Units units;
  Rows rows;  // all of them
  int rowsOfX;
  int chainSteps;  // steps of 64 in a chain
};

template <class T>
__device__ inline void add(typename T::Sums& total, const typename T::Sums& sums) {
#pragma unroll
  for (int i = 0; i < T::m; i++) {
#pragma unroll
    for (int j = 0; j < T::columns / 8; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        total[i][j][e] += sums[i][j][e];
      }
    }
  }
}

template <class T>
__device__ inline void clear(typename T::Sums& sums) {
#pragma unroll
  for (int i = 0; i < T::m; i++) {
    clear(sums[i]);
  }
}

/// The calling lane's columns of a group of 32: two times 4 beside each other.
struct LaneOfGroup {
  int first;    // column of the first four; the second is 16 behind
  int inGroup;  // the same, counted from the group's first column
  int columns;  // of the group that are not padding
  float4 gamma[2];
  float4 bias[2];

  __device__ LaneOfGroup(const HopperLinearAddArguments& a, int group)
      : first(group * GROUP + columnOfFour()),
        inGroup(columnOfFour()),
        columns(columnsOfGroup(group * GROUP, a.x.width)) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      gamma[i] = *(const float4*)(a.gamma + first + 16 * i);
      bias[i] = *(const float4*)(a.bias + first + 16 * i);
    }
  }

  /// x + gamma sums + bias.
  __device__ float4 added(int i, float4 x, float4 sums) const {
    return {x.x + fmaf(gamma[i].x, sums.x, bias[i].x), x.y + fmaf(gamma[i].y, sums.y, bias[i].y),
            x.z + fmaf(gamma[i].z, sums.z, bias[i].z), x.w + fmaf(gamma[i].w, sums.w, bias[i].w)};
  }

  /// Stores the lane's numbers of a row in all three forms.
  __device__ void store(const Residual& x, u64 row, bool stored, const float4 (&v)[2]) const {
    float values[2][4] = {{v[0].x, v[0].y, v[0].z, v[0].w}, {v[1].x, v[1].y, v[1].z, v[1].w}};
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      sum += (values[i][0] + values[i][1]) + (values[i][2] + values[i][3]);
    }
    sum = sumOfFour(sum);
    float mean = meanOfGroup(sum, columns);
    float squares = 0;
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        float difference = inGroup + 16 * i + e < columns ? values[i][e] - mean : 0;
        squares = fmaf(difference, difference, squares);
      }
    }
    squares = sumOfFour(squares);
    if (stored) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        u64 at = row * x.stride + first + 16 * i;
        *(float4*)(x.full + at) = v[i];
        *(uint2*)(x.half + at) = {pack(v[i].x, v[i].y), pack(v[i].z, v[i].w)};
      }
      if (threadIdx.x % 4 == 0) {
        x.statistics[row * x.groups() + first / GROUP] = {sum, squares};
      }
    }
  }
};

/// Adds the warp group's finished sums to x. What a lane reads of x for 32 columns is under way
/// before it writes the first of them.
template <class T>
__device__ inline void addToResidual(const HopperLinearAddArguments& a,
                                     const typename T::Sums& sums, int firstRow, int firstColumn) {
  u64 rowsOfX[T::m][2];
  bool stored[T::m][2];
#pragma unroll
  for (int i = 0; i < T::m; i++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int row = firstRow + rowOfLane() + 64 * i + 8 * half;
      stored[i][half] = row < a.rows.total;
      rowsOfX[i][half] = a.rows.of(min(row, a.rows.total - 1), a.rowsOfX);
    }
  }
#pragma unroll
  for (int group = 0; group < T::columns / GROUP; group++) {
    if (firstColumn + group * GROUP < a.x.stride) {
      LaneOfGroup lane(a, firstColumn / GROUP + group);
      float4 found[T::m][2][2];
#pragma unroll
      for (int i = 0; i < T::m; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const float* x = a.x.full + rowsOfX[i][half] * a.x.stride + lane.first;
          found[i][half][0] = *(const float4*)x;
          found[i][half][1] = *(const float4*)(x + 16);
        }
      }
#pragma unroll
      for (int i = 0; i < T::m; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float4 v[2];
#pragma unroll
          for (int four = 0; four < 2; four++) {
            int j = group * GROUP / 8 + 2 * four;
            v[four] = lane.added(four, found[i][half][four],
                                 fourOfRow(sums[i][j], sums[i][j + 1], half));
          }
          lane.store(a.x, rowsOfX[i][half], stored[i][half], v);
        }
      }
    }
  }
}

/// Leaves the warp group's chain where the others can read it. True for the last one of a tile to
/// do so: its sums are then those of all chains.
template <class T>
__device__ inline bool joinChains(const HopperLinearAddArguments& a, const Unit& unit,
                                  typename T::Sums& sums) {
  int tile = unit.tileDown * a.units.tilesAcross + unit.tileAcross;
  int chains = a.units.parts;
  constexpr int across = T::columns / 8;
  constexpr int fragments = T::m * across;
  int thread = threadIdx.x % WARP_GROUP;
  float4* partials = (float4*)a.partials + (u64)tile * chains * fragments * WARP_GROUP + thread;
  float4* own = partials + unit.part * fragments * WARP_GROUP;
#pragma unroll
  for (int f = 0; f < fragments; f++) {
    float(&s)[4] = sums[f / across][f % across];
    own[f * WARP_GROUP] = {s[0], s[1], s[2], s[3]};
  }
  __threadfence();
  synchroniseGroup(barrierOfGroup());
  bool last = false;
  if (thread == 0) {
    last = atomicAdd(a.arrived + tile, 1) == chains - 1;
  }
  if (!anyOfGroup(barrierOfGroup(), last)) {
    return false;
  }
  __threadfence();
  clear<T>(sums);
#pragma unroll 1
  for (int chain = 0; chain < chains; chain++) {
#pragma unroll
    for (int f = 0; f < fragments; f++) {
      float(&s)[4] = sums[f / across][f % across];
      float4 part = __ldcg(partials + (chain * fragments + f) * WARP_GROUP);
      s[0] += part.x;
      s[1] += part.y;
      s[2] += part.z;
      s[3] += part.w;
    }
  }
  if (thread == 0) {
    a.arrived[tile] = 0;
  }
  return true;
}

/// A unit is a tile: the warp group adds its chains.
template <class T>
__device__ inline void hopperLinearAdd(const HopperLinearAddArguments& a) {
  extern __shared__ __align__(1024) unsigned char memory[];
  u32 shared = sharedAddress(memory);
  Schedule<T> schedule = {a.units};
  Operands operands = {a.a, a.weight, 0};
  int rowInTile = T::groups == 1 ? 0 : multiplyingGroup() * T::groupRows;
  computeUnits<T>(shared, operands, schedule, [&](Ring<T>& ring, const Unit& unit) {
    typename T::Sums total;
    clear<T>(total);
    ring.takeTurn();
#pragma unroll 1
    for (int step = 0; step < unit.steps; step += a.chainSteps) {
      typename T::Sums sums;
      int rest = unit.steps - step;
      multiply<T>(ring, min(a.chainSteps, rest), rest <= a.chainSteps, sums, [](u32, int) {});
      add<T>(total, sums);
    }
    addToResidual<T>(a, total, unit.tileDown * T::rows + rowInTile,
                     unit.tileAcross * T::columns);
  });
}

/// A unit is a chain.
template <class T>
__device__ inline void hopperLinearAddSplit(const HopperLinearAddArguments& a) {
  extern __shared__ __align__(1024) unsigned char memory[];
  u32 shared = sharedAddress(memory);
  Schedule<T> schedule = {a.units};
  Operands operands = {a.a, a.weight, 0};
  computeUnits<T>(shared, operands, schedule, [&](Ring<T>& ring, const Unit& unit) {
    typename T::Sums sums;
    ring.takeTurn();
    multiply<T>(ring, unit.steps, true, sums, [](u32, int) {});
    if (a.units.parts == 1 || joinChains<T>(a, unit, sums)) {
      addToResidual<T>(a, sums, unit.tileDown * T::rows, unit.tileAcross * T::columns);
    }
  });
}

}  // namespace fovea

#define HOPPER_LINEAR_ADD(kernel, function, m, groups, columns, stages, cluster)          \
  FOVEA_HOPPER_KERNEL(cluster, kernel)                                                    \
  (const __grid_constant__ fovea::HopperLinearAddArguments arguments) {                   \
    fovea::function<fovea::HopperTile<m, groups, columns, stages, cluster>>(arguments);   \
  }

HOPPER_LINEAR_ADD(hopper_linear_add_split_64x64, hopperLinearAddSplit, 1, 1, 64, 6, 1)
HOPPER_LINEAR_ADD(hopper_linear_add_split_64x128, hopperLinearAddSplit, 1, 1, 128, 6, 1)
HOPPER_LINEAR_ADD(hopper_linear_add_64x128, hopperLinearAdd, 1, 1, 128, 6, 1)
HOPPER_LINEAR_ADD(hopper_linear_add_128x96, hopperLinearAdd, 2, 1, 96, 6, 1)
HOPPER_LINEAR_ADD(hopper_linear_add_pair_128x96, hopperLinearAdd, 2, 1, 96, 6, 2)
HOPPER_LINEAR_ADD(hopper_linear_add_pair_128x192, hopperLinearAdd, 1, 2, 192, 5, 2)
