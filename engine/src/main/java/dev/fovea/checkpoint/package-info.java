/**
 * Reads and writes checkpoints: the safetensors format, published layouts, canonical weights.
 *
 * <p>{@link dev.fovea.checkpoint.Safetensors} opens files as a {@link
 * dev.fovea.checkpoint.Checkpoint}: tensors under the names that the file gives them. {@link
 * dev.fovea.checkpoint.VitWeights} makes a model of one: one set of names and shapes whatever the
 * {@link dev.fovea.checkpoint.Layout}, with nothing missing and nothing left over.
 */
package dev.fovea.checkpoint;
