/**
 * An interpreter of PTX, so that the kernels that are shipped can be run, and their mistakes found,
 * where there is no GPU.
 *
 * <p>The way of a kernel: {@code Parser} reads the text into the tree of {@code Syntax}, {@code
 * Translator} flattens a kernel and what it calls into {@code Instruction}s with the help of {@code
 * Opcodes}, {@code Machine} runs the blocks of a grid one after another, {@code Block} runs its
 * warps in turns, {@code Warp} executes an instruction for 32 lanes at a time. {@code
 * InterpretedDriver} is the door.
 *
 * <p>What a GPU leaves undefined is a {@code KernelFault} here: accesses out of bounds, misaligned,
 * or of bytes that nobody has written; registers that are read before they are set; threads that
 * meet in shared memory without a barrier between them; asynchronous copies that nobody waited for;
 * barriers that not all threads reach; threads that wait for ever.
 *
 * <p>What is not modelled: time, caches, the order in which blocks see each other's plain stores
 * (blocks run one after another, in an order that a seed can shuffle), payloads of NaNs, and the
 * errors of approximate functions, whose results here are the exact ones, rounded.
 */
package dev.fovea.kernels.cuda.interpreter;
