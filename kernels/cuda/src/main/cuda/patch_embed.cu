// Pixels to tokens: the patch projection as a product whose left operand is gathered from the
// images, bias and position added; CLS and registers are rows of their own.

#include "residual_tile.cuh"

namespace fovea {

struct PatchEmbedArguments {
  const void* pixels;      // [images, height, width, 3] bytes or [images, 3, height, width] floats
  const u16* lookup;       // [3, 256]: the 16-bit value of a byte; null for floats
  const int* offsets;      // [stride]: 4 x elements from the patch's beginning + channel; or -1
  const u16* weight;       // [weightRows, stride]
  const float* bias;       // [weightRows]
  const float* positions;  // [tokens, x.stride]: added to patches, and the prefix rows themselves
  Residual x;              // [images, tokens, x.stride]
  int rows;                // of all images
  int tokens;
  int prefix;
  int patchesAcross;
  int patchAcross;         // elements from a patch to the next
  int patchDown;
  int imageElements;
  int stride;
  int weightRows;
};

constexpr int LOOKUP_LENGTH = 3 * 256;

/// Rows of samples; a row that is no patch is zeros.
template <class T>
struct Patches {
  static constexpr int passes = T::rows / T::rowsOfPass;
  Slot<T> slot;
  const PatchEmbedArguments& a;
  const u16* lookup;
  long long first[passes];

  /// `lookup` is in shared memory.
  __device__ Patches(const PatchEmbedArguments& a, const u16* lookup, int firstRow)
      : a(a), lookup(lookup) {
#pragma unroll
    for (int pass = 0; pass < passes; pass++) {
      int row = min(firstRow + slot.row + pass * T::rowsOfPass, a.rows - 1);
      int image = row / a.tokens;
      int patch = row - image * a.tokens - a.prefix;
      int down = patch / a.patchesAcross;
      first[pass] = patch < 0 ? -1
                              : (long long)image * a.imageElements + (long long)down * a.patchDown +
                                    (patch - down * a.patchesAcross) * a.patchAcross;
    }
  }

  __device__ void load(u32 stage, int step) const {
    const int4* entries = (const int4*)(a.offsets + step * ROW + slot.chunk * 8);
    int4 low = entries[0];
    int4 high = entries[1];
    int offsets[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int pass = 0; pass < passes; pass++) {
      u32 pairs[4] = {};
      if (first[pass] >= 0) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          pairs[i] = pair(first[pass], offsets[2 * i], offsets[2 * i + 1]);
        }
      }
      storeShared(slot.at(stage, pass), uint4{pairs[0], pairs[1], pairs[2], pairs[3]});
    }
  }

  __device__ u32 pair(long long first, int offset0, int offset1) const {
    if (a.lookup != nullptr) {
      return looked(first, offset0) | (u32)looked(first, offset1) << 16;
    }
    return pack(plain(first, offset0), plain(first, offset1));
  }

  __device__ u16 looked(long long first, int offset) const {
    const unsigned char* samples = (const unsigned char*)a.pixels;
    return offset < 0 ? 0 : lookup[(offset & 3) * 256 + samples[first + (offset >> 2)]];
  }

  __device__ float plain(long long first, int offset) const {
    return offset < 0 ? 0 : ((const float*)a.pixels)[first + (offset >> 2)];
  }
};

/// Block (x, y) computes a tile of the columns and one of the rows.
template <class T>
__device__ inline void patchEmbed(const PatchEmbedArguments& a) {
  extern __shared__ uint4 memory[];
  u32* tokenRows = (u32*)((char*)memory + T::stagesBytes);
  u16* lookup = (u16*)(tokenRows + T::rows);
  u32 shared = sharedAddress(memory);
  int firstRow = blockIdx.y * T::rows;
  int firstColumn = blockIdx.x * T::columns;
  int steps = a.stride / ROW;

  Weights<T> weights(a.weight, a.stride, firstColumn, a.weightRows);
  weights.loadFirst(shared, 0, steps);
  if (threadIdx.x < T::rows) {
    tokenRows[threadIdx.x] = firstRow + threadIdx.x;
  }
  if (a.lookup != nullptr) {
    for (int i = threadIdx.x; i < LOOKUP_LENGTH; i += T::threads) {
      lookup[i] = a.lookup[i];
    }
  }
  __syncthreads();
  Patches<T> left(a, lookup, firstRow);
  typename T::Sums sums;
  clear<T>(sums);
  multiply<T>(shared, left, weights, 0, steps, sums, [](int) {});

  ResultTile<T> tile(shared, sums);
  int rows = min(T::rows, a.rows - firstRow);
  int column = min(firstColumn + tile.column(), a.x.stride - 4);
  float4 bias = *(const float4*)(a.bias + column);
  auto tokenOf = [&](int row) { return (firstRow + row) % a.tokens; };
  auto read = [&](int row) {
    return *(const float4*)(a.positions + (u64)tokenOf(row) * a.x.stride + column);
  };
  auto finish = [&](int row, float4 s, float4 position) {
    if (tokenOf(row) < a.prefix) {
      return position;
    }
    return float4{s.x + bias.x + position.x, s.y + bias.y + position.y, s.z + bias.z + position.z,
                  s.w + bias.w + position.w};
  };
  storeResidual(tile, a.x, tokenRows, rows, firstColumn, read, finish);
}

}  // namespace fovea

#define PATCH_EMBED(rows, columns, warpRows, warpColumns, stages)                            \
  FOVEA_KERNEL(rows / warpRows*(columns / warpColumns) * 32, patch_embed_##rows##x##columns) \
  (const fovea::PatchEmbedArguments arguments) {                                             \
    fovea::patchEmbed<fovea::Tile<rows, columns, warpRows, warpColumns, stages>>(arguments); \
  }

PATCH_EMBED(32, 64, 16, 32, 3)
PATCH_EMBED(64, 128, 32, 64, 3)
