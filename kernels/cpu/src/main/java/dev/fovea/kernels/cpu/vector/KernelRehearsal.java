package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;
import static dev.fovea.kernels.cpu.vector.RowTiles.TILE_SIZE;

import com.sun.management.ThreadMXBean;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.WeightStorage;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Has C2 compile the kernels, in a third of a second and without a forward pass.
 *
 * <p>HotSpot hands a method to C2 after some thousand calls, whatever they do, and until then an
 * operation of the Vector API takes a microsecond. Worse, the API's own code for operations that
 * are not compiled is called so often meanwhile that C2 compiles that first, which takes longer
 * than the kernels do, and nobody needs it any more when they are compiled. So kernels return at
 * once when there is nothing to do, and here they are called for nothing most of the time. Once a
 * round they get two rows, so that the compiler sees every branch taken, and to see whether they
 * are compiled: then vectors are in registers, otherwise they are objects.
 *
 * <p>So few rows leave the compiler without a profile of the API's methods. The kernels do not need
 * one as long as a vector that is carried around a loop is an argument of operations in it, never
 * their receiver: of all others C2 knows the class.
 */
final class KernelRehearsal {

  /** Rounds after which the kernels wait for C2, and there is no hurry any more. */
  private static final int EAGER_ROUNDS = 10;

  private static final long EAGER_PAUSE_NANOS = 1_000_000;
  private static final long PAUSE_NANOS = 5_000_000;

  // Calls for nothing in a round. C2 wants 5000 after the first compiler has done its part, and as
  // many again for every three methods that wait for it already: so they come quickly, to be before
  // the API's own code. Fewer than 5000, so that there are calls with work among those that count.
  private static final int EAGER_CALLS = 4000;
  private static final int CALLS = 250;

  /** Two seconds, or more where processors are scarce: then it is not to be. */
  private static final int MOST_ROUNDS = 400;

  /** A third of a second, which is what it usually takes. */
  private static final int ROUNDS_IN_THE_DARK = 80;

  /** Rows, steps or vectors of a call that is not for nothing. */
  private static final int SOME = 2;

  private final List<Kernels> waiting = new ArrayList<>();

  /** Kernels that are called together. The loop is theirs: around them all C2 would compile it. */
  private interface Kernels {
    void call(int times, int amount);
  }

  /**
   * Everything that packing and a forward pass with GELU call often. Other activations are left
   * out: of the published models only the largest has one, and is never done within seconds.
   */
  KernelRehearsal(WeightStorage storage) {
    float[] memory = new float[2 * TILE_SIZE];
    float[] ones = new float[SOME * COUNT];
    Arrays.fill(ones, 1);
    NormWeights norm = new NormWeights(ones, ones, 1);
    waiting.add(
        (times, steps) -> {
          for (int i = 0; i < times; i++) {
            PanelLinear.scatter(memory, 0, steps, memory, 0);
            MicroKernel.multiply(memory, 0, memory, 0, 0, memory, 0, 0);
            MicroKernel.multiplyAdd(memory, 0, memory, 0, 2 * steps, memory, 0, 0, TILE_SIZE);
          }
        });
    waiting.add(
        (times, rows) -> {
          for (int i = 0; i < times; i++) {
            Epilogue.activate(Activation.GELU, memory, 0, rows, memory, 0, memory, 0, TILE_SIZE);
          }
        });
    waiting.add(
        (times, queries) -> {
          for (int i = 0; i < times; i++) {
            Softmax.raise(memory, 0, queries, 2, TILE_SIZE);
            Softmax.powers(memory, 0, queries, 2, TILE_SIZE, TILE_SIZE);
          }
        });
    waiting.add(
        (times, vectors) -> {
          for (int i = 0; i < times; i++) {
            RowNorm.mean(memory, 0, vectors * COUNT, memory, CHAIN);
            RowNorm.sum(memory, 0, vectors * COUNT);
            RowNorm.deviations(memory, 0, vectors * COUNT, 0, memory, CHAIN);
            RowNorm.transform(memory, 0, norm, 0, vectors * COUNT, 0, 0, 0, memory, 0);
          }
        });
    waiting.add(
        (times, rows) -> {
          for (int i = 0; i < times; i++) {
            Epilogue.addBias(memory, 0, rows, memory, 0, memory, 0);
            Epilogue.addScaled(memory, 0, rows, memory, memory, 0, memory, 0);
          }
        });
    waiting.add(
        (times, rows) -> {
          for (int i = 0; i < times; i++) {
            Epilogue.copy(memory, 0, rows, memory, 0);
            Epilogue.copyScaled(memory, 0, rows, memory, 0, memory, 0);
          }
        });
    if (storage != WeightStorage.F32) {
      addWidening(storage, memory);
    }
  }

  private void addWidening(WeightStorage storage, float[] memory) {
    short[] halves = new short[SOME * COUNT];
    waiting.add(
        (times, vectors) -> {
          for (int i = 0; i < times; i++) {
            Widening.widen(storage, halves, 0, vectors * COUNT, memory, 0);
          }
        });
  }

  /**
   * Returns when the kernels are compiled, or the thread is interrupted.
   *
   * @return whether they are; false, too, where the virtual machine does not tell
   */
  boolean run() {
    boolean telling =
        ModuleLayer.boot().findModule("jdk.management").isPresent() && Allocation.isMeasured();
    int most = telling ? MOST_ROUNDS : ROUNDS_IN_THE_DARK;
    for (int round = 0; round < most && !Thread.currentThread().isInterrupted(); round++) {
      if (telling) {
        waiting.removeIf(Allocation::isNone);
      } else {
        waiting.forEach(kernels -> kernels.call(1, SOME));
      }
      if (waiting.isEmpty()) {
        return true;
      }
      boolean eager = round < EAGER_ROUNDS;
      waiting.forEach(kernels -> kernels.call(eager ? EAGER_CALLS : CALLS, 0));
      LockSupport.parkNanos(eager ? EAGER_PAUSE_NANOS : PAUSE_NANOS);
    }
    return false;
  }

  /** A class of its own, because not every Java has the module. */
  private static final class Allocation {

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    static boolean isMeasured() {
      return THREADS.getCurrentThreadAllocatedBytes() >= 0;
    }

    static boolean isNone(Kernels kernels) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      kernels.call(1, SOME);
      return THREADS.getCurrentThreadAllocatedBytes() == before;
    }
  }
}
