// Attention with all keys at once, as for all GPUs, where the kernels around it start early;
// compute capability 9.0. Probabilities are rounded: one part.

#include "attention.cuh"
#include "hopper.cuh"

FOVEA_KERNEL(128, hopper_attention_whole)(const fovea::AttentionArguments arguments) {
  fovea::letKernelBehindStart();
  fovea::waitForKernelInFront();
  fovea::attentionWhole<1>(arguments);
}
