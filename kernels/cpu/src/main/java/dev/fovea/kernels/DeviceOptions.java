package dev.fovea.kernels;

/**
 * How a device is opened.
 *
 * @param kernels which CPU kernels: "auto", "scalar" or "vector"
 * @param threads threads that compute, the caller's included; 0 for one per processor of the
 *     machine or container
 * @param storage how packed weights are kept in memory
 */
public record DeviceOptions(String kernels, int threads, WeightStorage storage) {}
