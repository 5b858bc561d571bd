package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorkbenchTest {

  private static final int WIDTH = 64;

  private final InterpretedDriver driver = new InterpretedDriver();

  /** {@code x += 1} in every element, and what x is at the end. */
  private record Counting(Plan plan, HostBuffer result) {

    static Counting record(Workbench bench) {
      float[] ones = Numbers.random(1, WIDTH, 1, 0);
      Packed<LinearAddWeights> weights =
          bench.device().pack(new LinearAddWeights(new float[WIDTH * WIDTH], ones, ones));
      try (Recorder recorder = bench.device().record()) {
        Tokens a = recorder.tokens(1, 3, WIDTH);
        Tokens x = recorder.tokens(1, 3, WIDTH);
        recorder.write(new float[3 * WIDTH], Rows.all(x), Columns.all(x), x);
        recorder.linearAdd(a, Rows.all(a), weights, x);
        bench.preparationEnds(recorder);
        recorder.linearAdd(a, Rows.all(a), weights, x);
        recorder.linearAdd(a, Rows.all(a), weights, x);
        HostBuffer result = recorder.read(x, Rows.all(x), Columns.all(x));
        return new Counting(recorder.build(), result);
      }
    }

    float count() {
      return result.host().getAtIndex(ValueLayout.JAVA_FLOAT, 0);
    }
  }

  @Test
  void kernelsAloneLeaveOutCopiesAndPreparation() {
    try (Workbench bench = new Workbench(() -> driver, WeightStorage.F16, "auto")) {
      Counting counting = Counting.record(bench);
      counting.plan().run();
      assertThat(counting.count()).isEqualTo(3);
      assertThat(bench.kernelMilliseconds(List.of(counting.plan()), 4)).hasSize(4);
      assertThat(counting.count()).as("nothing is copied").isEqualTo(3);
      // Two kernels each time, once in advance; the whole plan starts from zero again.
      assertThat(bench.milliseconds(List.of(counting.plan()), 1)).hasSize(1);
      assertThat(counting.count()).isEqualTo(3);
      counting.plan().close();
    }
  }

  @Test
  void aTileCanBeForced() {
    try (Workbench bench = new Workbench(() -> driver, WeightStorage.F16, "auto")) {
      assertThat(bench.tile()).isNull();
      Counting.record(bench).plan().close();
      assertThat(bench.tiles()).contains(bench.tile(), "linear_add_64x128");
      bench.useTile("linear_add_64x128");
      Counting.record(bench).plan().close();
      assertThat(bench.tile()).isEqualTo("linear_add_64x128");
      bench.useTile("norm_linear_64x128");
      Counting.record(bench).plan().close();
      assertThat(bench.tile()).as("of another verb").startsWith("linear_add");
    }
  }

  @Test
  void numbersAreRoundedAsTheDeviceDoes() {
    try (Workbench bench = new Workbench(() -> driver, WeightStorage.BF16, "auto")) {
      assertThat(bench.rounded(1.001f)).isEqualTo(1);
    }
  }
}
