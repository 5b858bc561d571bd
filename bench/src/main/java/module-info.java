/** Benchmarks; never in a shipped jar. */
module dev.fovea.bench {
  requires dev.fovea.engine;
}
