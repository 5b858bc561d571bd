package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {

  private record Pieces(int count, Body body) implements Task {
    @Override
    public void run(int index, int slot) {
      body.run(index, slot);
    }
  }

  private interface Body {
    void run(int index, int slot);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void everyPieceRunsOnceAndBeforeTheNextTask(int width) {
    try (Workers workers = new Workers(width)) {
      for (int round = 0; round < 300; round++) {
        int count = round % 40;
        AtomicIntegerArray runs = new AtomicIntegerArray(count);
        AtomicInteger early = new AtomicInteger();
        Task first = new Pieces(count, (index, slot) -> runs.incrementAndGet(index));
        Task second =
            new Pieces(
                count,
                (index, slot) -> {
                  for (int i = 0; i < count; i++) {
                    early.addAndGet(runs.get(i) == 1 ? 0 : 1);
                  }
                });
        if (round % 50 == 0) {
          LockSupport.parkNanos(2_000_000); // long enough for the workers to fall asleep
        }
        workers.run(new Task[] {first, second});
        assertThat(early).hasValue(0);
        for (int i = 0; i < count; i++) {
          assertThat(runs.get(i)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void piecesThatRunTogetherHaveDifferentSlots() {
    try (Workers workers = new Workers(3)) {
      CountDownLatch all = new CountDownLatch(3);
      AtomicIntegerArray slots = new AtomicIntegerArray(3);
      Task task =
          new Pieces(
              3,
              (index, slot) -> {
                slots.incrementAndGet(slot);
                all.countDown();
                await(all);
              });
      workers.run(new Task[] {task});
      assertThat(slots).hasToString("[1, 1, 1]");
    }
  }

  @Test
  void theFirstFailureReachesTheCallerAndTheWorkersGoOn() {
    try (Workers workers = new Workers(2)) {
      AtomicInteger later = new AtomicInteger();
      Task failing =
          new Pieces(
              10,
              (index, slot) -> {
                if (index == 4) {
                  throw new ArithmeticException("piece 4");
                }
              });
      Task next = new Pieces(5, (index, slot) -> later.incrementAndGet());
      assertThatThrownBy(() -> workers.run(new Task[] {failing, next}))
          .isInstanceOf(ArithmeticException.class)
          .hasMessage("piece 4");
      assertThat(later).hasValue(0);
      workers.run(new Task[] {next});
      assertThat(later).hasValue(5);
    }
  }

  @Test
  void aSecondCallerIsToldThatTheWorkersAreBusy() {
    try (Workers workers = new Workers(1)) {
      Task inner = new Pieces(1, (index, slot) -> {});
      Task outer = new Pieces(1, (index, slot) -> workers.run(new Task[] {inner}));
      assertThatThrownBy(() -> workers.run(new Task[] {outer}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("busy");
    }
  }

  @Test
  void closedWorkersRefuseAndTheirThreadsEnd() throws InterruptedException {
    Workers workers = new Workers(2);
    Thread[] other = new Thread[1];
    CountDownLatch both = new CountDownLatch(2);
    Task task =
        new Pieces(
            2,
            (index, slot) -> {
              if (slot == 1) {
                other[0] = Thread.currentThread();
              }
              both.countDown();
              await(both);
            });
    workers.run(new Task[] {task});
    workers.close();
    workers.close();
    other[0].join();
    assertThatThrownBy(() -> workers.run(new Task[] {task}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
