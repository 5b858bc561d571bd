/** NVIDIA GPUs: the six verbs as fused kernels, one graph a plan. */
package dev.fovea.kernels.cuda;
