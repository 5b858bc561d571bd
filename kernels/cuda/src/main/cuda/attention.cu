// Attention for all GPUs: probabilities meet the values in two parts.

#include "attention.cuh"

FOVEA_KERNEL(128, attention_whole)(const fovea::AttentionArguments arguments) {
  fovea::attentionWhole<2>(arguments);
}

FOVEA_KERNEL(128, attention_blocks_64)(const fovea::AttentionArguments arguments) {
  fovea::attentionBlocks<1, 2>(arguments);
}

FOVEA_KERNEL(128, attention_blocks_128)(const fovea::AttentionArguments arguments) {
  fovea::attentionBlocks<2, 2>(arguments);
}
