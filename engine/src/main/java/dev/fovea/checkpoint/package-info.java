/** Reads and writes checkpoints: the safetensors format, published layouts, canonical weights. */
package dev.fovea.checkpoint;
