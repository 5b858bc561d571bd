package dev.fovea.kernels.cuda.interpreter;

/** Four warps of a block that multiply together. */
final class WarpGroup {

  static final int WARPS = 4;

  private static final int EVERYONE = (1 << WARPS) - 1;

  private final Block block;
  private final int number;
  private final Synchronization common;
  private final ProductBuffers buffers = new ProductBuffers();
  private int arrived;
  private int turn;
  private WarpGroupProduct product;
  private WarpGroupProduct.Operands operands;

  WarpGroup(Block block, int number) {
    this.block = block;
    this.number = number;
    common = new Synchronization(block.cluster().agents());
  }

  void clear() {
    arrived = 0;
  }

  /** A warp of the group; there have to be four. */
  Warp warp(int index) {
    return block.warps()[number * WARPS + index];
  }

  /** What all four warps know. */
  Synchronization common() {
    common.clear();
    warp(0).synchronization.tell(common);
    for (int i = 1; i < WARPS; i++) {
      common.meet(warp(i).synchronization);
    }
    return common;
  }

  /** A warp comes to a product, which is computed when all have come. */
  void multiply(Warp warp, WarpGroupProduct next, WarpGroupProduct.Operands its) {
    if (block.warps().length < (number + 1) * WARPS) {
      throw warp.fault(0, "needs four warps, but this is one of the last few of the block");
    }
    if (arrived != 0 && (next != product || !its.equals(operands))) {
      throw warp.fault(
          0,
          "multiplies %s, but other warps of its group are at line %d `%s` with %s"
              .formatted(its, product.source().line(), product.source().text(), operands));
    }
    product = next;
    operands = its;
    arrived |= 1 << warp.index % WARPS;
    if (arrived != EVERYONE) {
      warp.waitFor(new ForTheOthers(turn));
      return;
    }
    arrived = 0;
    turn++;
    next.multiply(this, its, buffers);
  }

  private final class ForTheOthers implements Warp.Wait {
    private final int until;

    ForTheOthers(int until) {
      this.until = until;
    }

    @Override
    public boolean isOver() {
      return turn != until;
    }

    @Override
    public void end() {}

    @Override
    public String toString() {
      return "for the other warps of its group, of which %d have come"
          .formatted(Integer.bitCount(arrived));
    }
  }
}
