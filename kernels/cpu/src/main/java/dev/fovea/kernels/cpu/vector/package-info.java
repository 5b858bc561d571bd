/**
 * The verbs on the Vector API; the only package that needs the module {@code jdk.incubator.vector}.
 *
 * <p>Its laws, which tests enforce: the species is a constant; no vector is passed to, returned
 * from or kept outside of a method; nothing is summed across the lanes of a vector; a kernel with
 * nothing to do returns at once, and is compiled well before it has done anything ({@code
 * KernelRehearsal}). For the last one, a vector that is carried around a loop is an argument of the
 * operations in it, never their receiver, and such a loop calls no method of ours.
 */
package dev.fovea.kernels.cpu.vector;
