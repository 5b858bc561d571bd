// The activations behind a linear layer.
#pragma once

#include "fovea.cuh"

namespace fovea {

/// As Java numbers them.
enum Activation { NONE, GELU, QUICK_GELU, SWIGLU };

struct Identity {
  __device__ static float apply(float x) { return x; }
};

/// x Phi(x), the normal distribution's function as 1/2 + x P(x^2) up to |x| = 4.4, behind which it
/// is 0 or 1. P is a minimax fit; y is off by at most 4.8e-5, relatively less for small x, which is
/// lost in the rounding of y to 16 bits. No special function, so the same bits on every GPU.
struct Gelu {
  __device__ static float apply(float x) {
    float t = fminf(x * x, 4.4f * 4.4f);
    float p = 3.911625884311931e-11f;
    p = fmaf(p, t, -4.0555185876200994e-9f);
    p = fmaf(p, t, 1.8515432032017998e-7f);
    p = fmaf(p, t, -4.943933163303882e-6f);
    p = fmaf(p, t, 8.681309554958716e-5f);
    p = fmaf(p, t, -1.071894308552146e-3f);
    p = fmaf(p, t, 9.705408476293087e-3f);
    p = fmaf(p, t, -6.61848708987236e-2f);
    p = fmaf(p, t, 3.9881840348243713e-1f);
    return x * __saturatef(fmaf(x, p, 0.5f));
  }
};

/// x times the logistic function of `slope` x.
__device__ inline float gated(float x, float slope) {
  return x * reciprocal(1 + exp2(-slope * LOG2_E * x));
}

struct QuickGelu {
  __device__ static float apply(float x) { return gated(x, 1.702f); }
};

}  // namespace fovea
