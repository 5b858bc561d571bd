package dev.fovea.probes;

/**
 * The tokens of one image that are not patches, and the mean of those that are; after the final
 * LayerNorm.
 *
 * @param cls [D]
 * @param mean of the patches, [D]
 * @param registers [R, D]
 */
public record ImageSummary(float[] cls, float[] mean, float[] registers) {}
