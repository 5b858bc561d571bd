package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.bench.peers.WorkerProcess.Outcome;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RowTest {

  private static final Task TASK = new Task(224, 4, Output.TOKENS);

  @Test
  void roundsArePooled() {
    Row row =
        row(
            outcome(2048, 300, 1, 5, 4, 3),
            outcome(3072, 100, 1.25f, 2, 1),
            outcome(1024, 200, 1, 9));
    assertThat(row.minMs()).isEqualTo(1);
    assertThat(row.medianMs()).isEqualTo(3.5);
    assertThat(row.p99Ms()).isEqualTo(9);
    assertThat(row.imagesPerSecond()).isEqualTo(1142.857);
    assertThat(row.firstEmbeddingMs()).isEqualTo(200);
    assertThat(row.peakMib()).isEqualTo(3);
    assertThat(row.maxDifference()).isEqualTo(0.25);
  }

  @Test
  void ninetyNinthPercentileIsANearestRank() {
    double[] times = IntStream.rangeClosed(1, 200).mapToDouble(i -> 201 - i).toArray();
    assertThat(row(outcome(1, 1, 1, times)).p99Ms()).isEqualTo(198);
    assertThat(row(outcome(1, 1, 1, times)).medianMs()).isEqualTo(100.5);
  }

  @Test
  void outputsThatCannotBeComparedAreInfinitelyDifferent() {
    float[] expected = {1, 2};
    assertThat(Row.difference(new float[] {1}, expected)).isInfinite();
    assertThat(Row.difference(new float[] {Float.NaN, 2}, expected)).isInfinite();
    assertThat(Row.difference(new float[] {1, 2.5f}, expected)).isEqualTo(0.5);
    assertThat(Row.difference(expected, expected)).isZero();
  }

  private static Row row(Outcome... rounds) {
    return Row.of(Engine.LIBTORCH, "small", TASK, 2, List.of(rounds), new float[] {1});
  }

  private static Outcome outcome(long kib, double first, float output, double... times) {
    return new Outcome(new Worker.Report("1", times, kib), first, new float[] {output});
  }
}
