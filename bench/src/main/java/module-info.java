// Benchmarks; never in a shipped jar.
open module dev.fovea.bench {
  requires dev.fovea.engine;
  requires jdk.incubator.vector;
  requires jmh.core;
}
