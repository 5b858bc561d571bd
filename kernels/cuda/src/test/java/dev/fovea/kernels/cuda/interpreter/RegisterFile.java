package dev.fovea.kernels.cuda.interpreter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** How many registers the threads of a block may use, warp by warp. */
final class RegisterFile {

  private static final int ALL = 65536;
  private static final int UNIT = 8;
  private static final int MOST = 256;

  private final Block block;

  /** By warp: registers of a thread, and how often that has changed. */
  private final int[] counts;

  private final int[] changes;

  /** By group of warps: what it has changed to, one after the other. */
  private final List<List<Integer>> asked = new ArrayList<>();

  RegisterFile(Block block) {
    this.block = block;
    counts = new int[block.warps().length];
    changes = new int[counts.length];
  }

  /** As many for each thread as fit, at the start. */
  void clear() {
    int threads = counts.length * Warp.LANES;
    Arrays.fill(counts, Math.min(MOST, ALL / threads / UNIT * UNIT));
    Arrays.fill(changes, 0);
    asked.clear();
    for (int warp = 0; warp < counts.length; warp += WarpGroup.WARPS) {
      asked.add(new ArrayList<>());
    }
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

  /** All warps of a group have to ask for the same. */
  private void checkGroup(Warp warp, int count) {
    List<Integer> group = asked.get(warp.index / WarpGroup.WARPS);
    int change = changes[warp.index]++;
    if (change == group.size()) {
      group.add(count);
    } else if (group.get(change) != count) {
      throw warp.fault(
          0,
          "asks for %d registers, but another warp of its group for %d"
              .formatted(count, group.get(change)));
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
