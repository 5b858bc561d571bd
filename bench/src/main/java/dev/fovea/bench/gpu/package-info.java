/**
 * What {@code ./bench/run gpu} does on a machine with a GPU: {@code Suite} runs the {@code Stage}s,
 * each of which writes its rows into a file of its own as soon as it has them.
 *
 * <p>How a verb is timed: a {@code Verb} is recorded once for each of as many copies of its weights
 * and matrices as make 256 MB (at least 2, at most 64), so that operands come from memory as the
 * weights of a network do, and not from a cache. {@code Workbench} makes a graph of these kernels
 * alone (what fills the matrices is left out), launches it again and again with an event in front
 * and behind, and the time of a graph is divided by the number of its verbs.
 *
 * <p>How a forward pass is timed: {@code ForwardPasses} records it in plans with pixels and
 * activations of their own; a round launches all of them. A row has the time of the kernels alone,
 * pixels and results being on the device, and that of the whole graph with both copies. More images
 * than share a plan in the engine take several plans here as well.
 *
 * <p>A row is a JSON object. Rows of speed have the keys {@code engine}, {@code what} (forward,
 * product, attention, kernel, latency), {@code model}, {@code pixels}, {@code batch}, {@code
 * precision} (f16, bf16), {@code milliseconds} (the median) and {@code minimum_milliseconds}, as
 * those of {@code bench/torch/opponent.py} do, so that {@code ./bench/run gpu-table} can put them
 * side by side. Rows of what must hold have {@code pass}.
 */
package dev.fovea.bench.gpu;
