/**
 * An interpreter of PTX, so that the kernels that are shipped can be run, and their mistakes found,
 * where there is no GPU.
 *
 * <p>The way of a kernel: {@code Parser} reads the text into the tree of {@code Syntax}, {@code
 * Translator} flattens a kernel and what it calls into {@code Instruction}s with the help of {@code
 * Opcodes}, {@code Machine} runs the clusters of a grid one after another, {@code Cluster} runs the
 * warps of its blocks in turns, {@code Warp} executes an instruction for 32 lanes at a time. {@code
 * InterpretedDriver} is the door.
 *
 * <p>What a GPU leaves undefined is a {@code KernelFault} here: accesses out of bounds, misaligned,
 * or of bytes that nobody has written; registers that are read before they are set; threads that
 * meet in shared memory without a barrier between them; asynchronous copies that nobody waited for;
 * barriers that not all threads reach; threads that wait for ever.
 *
 * <p>What happens before what is known by vector clocks ({@code Synchronization}): barriers of all
 * kinds carry them from warp to warp. What goes on by itself is an agent with a clock of its own:
 * the copies that a memory barrier counts, the products of four warps, bulk stores, the grids in
 * front. So a stage that is read before its barrier was waited for, or filled again while a product
 * reads it, is found whatever the order in which things happen to run. Copies land when nobody can
 * go on without them, or, with a seed, at any time before.
 *
 * <p>What is not modelled: time, caches, the order in which clusters see each other's plain stores
 * (they run one after another, in an order that a seed can shuffle), how far a release or an
 * acquire is seen, what bulk copies see of the same kernel's stores to global memory, payloads of
 * NaNs, and the errors of approximate functions, whose results here are the exact ones, rounded.
 */
package dev.fovea.kernels.cuda.interpreter;
