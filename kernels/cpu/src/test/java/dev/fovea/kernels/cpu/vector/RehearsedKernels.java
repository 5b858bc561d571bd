package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;
import static dev.fovea.kernels.cpu.vector.RowTiles.TILE_SIZE;

import com.sun.management.ThreadMXBean;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.WeightStorage;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

/**
 * A main class for a fresh virtual machine: prints how many bytes the kernels allocate in calls
 * with much to do, before a rehearsal and right after it. A kernel that C2 has compiled, with every
 * vector operation inlined, allocates nothing.
 */
public final class RehearsedKernels {

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private RehearsedKernels() {}

  /** Argument: how weights are stored. */
  public static void main(String[] arguments) {
    WeightStorage storage = WeightStorage.valueOf(arguments[0]);
    float[] memory = new float[6 * TILE_SIZE];
    float[] ones = new float[CHAIN];
    Arrays.fill(ones, 1);
    NormWeights norm = new NormWeights(ones, ones, 1);
    short[] halves = new short[CHAIN];
    System.out.println("before " + allocated(memory, norm, storage, halves));
    System.out.println("compiled " + new KernelRehearsal(storage).run());
    System.out.println("after " + allocated(memory, norm, storage, halves));
  }

  /** By the second of two times: the first one links and loads. */
  private static long allocated(
      float[] memory, NormWeights norm, WeightStorage storage, short[] halves) {
    work(memory, norm, storage, halves);
    long before = THREADS.getCurrentThreadAllocatedBytes();
    work(memory, norm, storage, halves);
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  private static void work(
      float[] memory, NormWeights norm, WeightStorage storage, short[] halves) {
    int c = TILE_SIZE;
    int other = 2 * TILE_SIZE;
    int rows = Lanes.TILE;
    MicroKernel.multiply(memory, 0, memory, c, 64, memory, other, 0);
    MicroKernel.multiplyAdd(memory, 0, memory, c, 64, memory, other, 0, 3 * TILE_SIZE);
    RowNorm.apply(memory, 0, norm, memory, c, memory, other);
    Softmax.raise(memory, 0, rows, 4, c);
    Softmax.powers(memory, 0, rows, 4, c, other);
    Epilogue.copy(memory, 0, rows, memory, c);
    Epilogue.copyScaled(memory, 0, rows, memory, c, memory, other);
    Epilogue.addBias(memory, 0, rows, memory, c, memory, other);
    Epilogue.addScaled(memory, 0, rows, memory, memory, c, memory, other);
    Epilogue.activate(Activation.GELU, memory, 0, rows, memory, c, memory, other, 3 * TILE_SIZE);
    if (storage != WeightStorage.F32) {
      Widening.widen(storage, halves, 0, CHAIN, memory, 0);
    }
  }
}
