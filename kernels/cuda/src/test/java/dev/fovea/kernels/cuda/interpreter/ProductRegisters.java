package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * The registers of a warp that products of its group of warps read and write by themselves. Groups
 * of products are numbered from 1 in the order in which they are committed.
 */
final class ProductRegisters {

  private final Warp warp;

  /** By register: the last group of products that writes it, and that reads it as an operand. */
  private final int[] results;

  private final int[] operands;

  /** By register: fences before its last use by any other instruction. */
  private final int[] used;

  private int fences;
  private int committed;
  private int completed;
  private boolean open;

  ProductRegisters(Warp warp, int registers) {
    this.warp = warp;
    results = new int[registers];
    operands = new int[registers];
    used = new int[registers];
  }

  void clear() {
    Arrays.fill(results, 0);
    Arrays.fill(operands, 0);
    Arrays.fill(used, 0);
    fences = 1;
    committed = 0;
    completed = 0;
    open = false;
  }

  /** Another instruction uses its registers. */
  void check(Instruction instruction) {
    for (int register : instruction.sources()) {
      if (results[register] > completed) {
        throw inFlight("reads", register, "writes");
      }
      used[register] = fences;
    }
    for (int register : instruction.targets()) {
      if (results[register] > completed) {
        throw inFlight("writes", register, "writes");
      }
      if (operands[register] > completed) {
        throw inFlight("writes", register, "reads");
      }
      used[register] = fences;
    }
  }

  private KernelFault inFlight(String does, int register, String product) {
    return warp.fault(
        0,
        "%s the register %s, which a wgmma in flight %s: there is no wgmma.wait_group between them"
            .formatted(does, warp.registerName(register), product));
  }

  /** Orders what other instructions do with registers before the products that follow. */
  void fence() {
    fences++;
  }

  /**
   * A product starts that uses these registers.
   *
   * @param left registers of its left operand; none if that is in shared memory
   */
  void start(int[] sums, int[] left) {
    requireFence(sums);
    requireFence(left);
    for (int register : left) {
      if (results[register] > completed) {
        throw inFlight("reads", register, "writes");
      }
      operands[register] = committed + 1;
    }
    for (int register : sums) {
      results[register] = committed + 1;
      warp.defined[register] = Warp.ALL;
    }
    open = true;
  }

  private void requireFence(int[] registers) {
    for (int register : registers) {
      if (used[register] == fences) {
        throw warp.fault(
            0,
            "uses the register %s, which an instruction before has used: there is no wgmma.fence between them"
                .formatted(warp.registerName(register)));
      }
    }
    if (fences == 1) {
      throw warp.fault(0, "is the first wgmma, but no wgmma.fence is before it");
    }
  }

  /** The number of the group that products belong to that start now. */
  int group() {
    return committed + 1;
  }

  void commit() {
    committed++;
    open = false;
  }

  /** Lets all groups complete but for the last ones, and gives the number of the last complete. */
  int waitFor(int pending) {
    completed = Math.max(completed, committed - pending);
    return completed;
  }

  /** The warp exits; it has to have waited. */
  void exited() {
    if (open || committed > completed) {
      throw warp.fault(0, "exits while a wgmma is in flight: there is no wgmma.wait_group");
    }
  }
}
