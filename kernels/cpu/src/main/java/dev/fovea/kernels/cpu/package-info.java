/**
 * The verbs on the processors of this machine.
 *
 * <p>{@link dev.fovea.kernels.cpu.CpuRecorder} checks the arguments of a verb, {@link
 * dev.fovea.kernels.cpu.CpuKernels} turn it into a {@link dev.fovea.kernels.cpu.Task}, and {@link
 * dev.fovea.kernels.cpu.Workers} run a plan's tasks one after another. {@link
 * dev.fovea.kernels.cpu.ScalarKernels} are the specification; those of {@code
 * dev.fovea.kernels.cpu.vector} are the fast ones, and the only code here that needs the module
 * {@code jdk.incubator.vector}.
 */
package dev.fovea.kernels.cpu;
