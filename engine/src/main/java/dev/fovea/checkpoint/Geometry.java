package dev.fovea.checkpoint;

import dev.fovea.VitConfig;

/**
 * What the shapes of the tensors say about a model.
 *
 * @param width channels of a token
 * @param depth blocks
 * @param hidden channels between the matrices of the MLP
 * @param patch side of a patch in pixels
 * @param grid side of the stored grid of position embeddings in patches
 */
record Geometry(
    int width, int depth, int hidden, VitConfig.Mlp mlp, int patch, int grid, int registers) {}
