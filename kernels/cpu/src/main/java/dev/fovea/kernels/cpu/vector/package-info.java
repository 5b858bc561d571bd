/**
 * The verbs on the Vector API; the only package that needs the module {@code jdk.incubator.vector}.
 *
 * <p>Its laws, which tests enforce: the species is a constant; no vector is passed to, returned
 * from or kept outside of a method; nothing is summed across the lanes of a vector.
 */
package dev.fovea.kernels.cpu.vector;
