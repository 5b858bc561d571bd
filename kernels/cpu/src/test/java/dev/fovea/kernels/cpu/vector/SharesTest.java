package dev.fovea.kernels.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pieces of tasks. */
class SharesTest {

  @Test
  void partsFollowEachOtherAndDifferByOne() {
    for (int units = 0; units < 50; units++) {
      for (int parts = 1; parts <= Math.max(1, units); parts++) {
        int end = 0;
        for (int part = 0; part < parts; part++) {
          assertThat(Shares.start(units, part, parts)).isEqualTo(end);
          end = Shares.start(units, part + 1, parts);
          assertThat(end - Shares.start(units, part, parts))
              .isBetween(units / parts, Math.ceilDiv(units, parts));
        }
        assertThat(end).isEqualTo(units);
      }
    }
  }

  @Test
  void noPartIsTooLargeOrEmpty() {
    for (int units = 1; units < 120; units++) {
      for (int rows = 1; rows < 20; rows++) {
        for (int threads = 1; threads < 40; threads++) {
          int parts = Shares.parts(units, 8, rows, threads);
          assertThat(parts).isBetween(Math.ceilDiv(units, 8), units);
        }
      }
    }
    assertThat(Shares.parts(0, 8, 6, 2)).isZero();
  }

  /** Attention: 22 tiles of queries at 224 pixels, 115 at 518, by heads. */
  @ParameterizedTest
  @CsvSource({"22, 6", "22, 12", "22, 16", "115, 6", "115, 12", "115, 16"})
  void threadsGetMuchTheSame(int tiles, int heads) {
    for (int threads : new int[] {1, 2, 3, 4, 6, 8, 12, 16}) {
      int parts = Shares.parts(tiles, 8, heads, threads);
      long[] busy = new long[threads];
      for (int piece = 0; piece < heads * parts; piece++) {
        int next = idlest(busy);
        int part = piece % parts;
        busy[next] += Shares.start(tiles, part + 1, parts) - Shares.start(tiles, part, parts);
      }
      long most = IntStream.range(0, threads).mapToLong(i -> busy[i]).max().orElseThrow();
      double even = (double) tiles * heads / threads;
      assertThat(most / even).as("%d threads", threads).isLessThan(1.15);
    }
  }

  private static int idlest(long[] busy) {
    return IntStream.range(0, busy.length)
        .boxed()
        .min((a, b) -> Long.compare(busy[a], busy[b]))
        .orElseThrow();
  }
}
