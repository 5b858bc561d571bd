package dev.fovea.bench;

import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What one core can do at most: twelve independent chains of fused multiply-adds, nothing else. The
 * counter {@code flops} per nanosecond is GF/s.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 1, jvmArgsPrepend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class PeakBenchmark {

  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int STEPS = 10_000;
  private static final int CHAINS = 12;

  /** Read at run time, so that nothing is computed in advance. */
  private final float[] memory = new float[CHAINS * SPECIES.length()];

  private float factor = 0.999f;

  /** Ten thousand steps of twelve chains. */
  @Benchmark
  public float[] multiplyAdds(VerbBenchmark.Work work) {
    FloatVector a = FloatVector.broadcast(SPECIES, factor);
    FloatVector c0 = FloatVector.fromArray(SPECIES, memory, 0);
    FloatVector c1 = FloatVector.fromArray(SPECIES, memory, 1 * SPECIES.length());
    FloatVector c2 = FloatVector.fromArray(SPECIES, memory, 2 * SPECIES.length());
    FloatVector c3 = FloatVector.fromArray(SPECIES, memory, 3 * SPECIES.length());
    FloatVector c4 = FloatVector.fromArray(SPECIES, memory, 4 * SPECIES.length());
    FloatVector c5 = FloatVector.fromArray(SPECIES, memory, 5 * SPECIES.length());
    FloatVector c6 = FloatVector.fromArray(SPECIES, memory, 6 * SPECIES.length());
    FloatVector c7 = FloatVector.fromArray(SPECIES, memory, 7 * SPECIES.length());
    FloatVector c8 = FloatVector.fromArray(SPECIES, memory, 8 * SPECIES.length());
    FloatVector c9 = FloatVector.fromArray(SPECIES, memory, 9 * SPECIES.length());
    FloatVector c10 = FloatVector.fromArray(SPECIES, memory, 10 * SPECIES.length());
    FloatVector c11 = FloatVector.fromArray(SPECIES, memory, 11 * SPECIES.length());
    for (int i = 0; i < STEPS; i++) {
      c0 = c0.fma(a, a);
      c1 = c1.fma(a, a);
      c2 = c2.fma(a, a);
      c3 = c3.fma(a, a);
      c4 = c4.fma(a, a);
      c5 = c5.fma(a, a);
      c6 = c6.fma(a, a);
      c7 = c7.fma(a, a);
      c8 = c8.fma(a, a);
      c9 = c9.fma(a, a);
      c10 = c10.fma(a, a);
      c11 = c11.fma(a, a);
    }
    FloatVector sum = c0.add(c1).add(c2).add(c3).add(c4).add(c5);
    sum.add(c6).add(c7).add(c8).add(c9).add(c10).add(c11).intoArray(memory, 0);
    work.flops += 2L * STEPS * CHAINS * SPECIES.length();
    return memory;
  }
}
