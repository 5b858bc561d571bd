// Benchmarks and the GPU suite; never in a shipped jar.
open module dev.fovea.bench {
  requires dev.fovea.engine;
  requires dev.fovea.kernels.cuda;
  requires jdk.incubator.vector;
  requires jmh.core;
}
