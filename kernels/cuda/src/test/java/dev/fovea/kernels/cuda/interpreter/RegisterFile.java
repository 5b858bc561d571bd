package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/** How many registers the threads of a block may use, warp by warp. */
final class RegisterFile {

  private static final int ALL = 65536;
  private static final int UNIT = 8;
  private static final int MOST = 256;

  private final Block block;
  private final int[] counts;

  RegisterFile(Block block) {
    this.block = block;
    counts = new int[block.warps().length];
  }

  /** As many for each thread as fit, at the start. */
  void clear() {
    int threads = counts.length * Warp.LANES;
    Arrays.fill(counts, Math.min(MOST, ALL / threads / UNIT * UNIT));
  }

  /** A warp gives registers away, or gets more as soon as there are so many. */
  void set(Warp warp, int count, boolean more) {
    if (more ? count < counts[warp.index] : count > counts[warp.index]) {
      throw warp.fault(0, "changes the wrong way: its threads have " + counts[warp.index]);
    }
    checkGroup(warp, count);
    if (!fits(warp, count)) {
      warp.waitFor(new ForRegisters(warp, count));
      return;
    }
    counts[warp.index] = count;
    block.changed();
  }

  /** Warps of a group that have changed before have to have changed alike. */
  private void checkGroup(Warp warp, int count) {
    int first = warp.index / WarpGroup.WARPS * WarpGroup.WARPS;
    int end = Math.min(first + WarpGroup.WARPS, counts.length);
    for (int other = first; other < end; other++) {
      if (counts[other] != counts[warp.index] && counts[other] != count) {
        throw warp.fault(
            0, "asks for %d registers, but warp %d for %d".formatted(count, other, counts[other]));
      }
    }
  }

  private boolean fits(Warp warp, int count) {
    int others = Arrays.stream(counts).sum() - counts[warp.index];
    return (others + count) * Warp.LANES <= ALL;
  }

  private final class ForRegisters implements Warp.Wait {
    private final Warp warp;
    private final int count;

    ForRegisters(Warp warp, int count) {
      this.warp = warp;
      this.count = count;
    }

    @Override
    public boolean isOver() {
      return fits(warp, count);
    }

    @Override
    public void end() {
      counts[warp.index] = count;
      block.changed();
    }

    @Override
    public String toString() {
      return "for registers: the block's threads have %d of %d"
          .formatted(Arrays.stream(counts).sum() * Warp.LANES, ALL);
    }
  }
}
