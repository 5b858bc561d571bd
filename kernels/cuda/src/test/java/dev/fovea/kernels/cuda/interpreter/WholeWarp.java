package dev.fovea.kernels.cuda.interpreter;

/** An instruction that all 32 lanes of a warp have to execute together. */
abstract class WholeWarp extends Collective {

  @Override
  final int members(Warp warp, int lanes) {
    return Warp.ALL;
  }

  @Override
  final void execute(Warp warp, int lanes) {
    if (lanes != Warp.ALL) {
      throw warp.fault(
          Integer.numberOfTrailingZeros(lanes),
          "needs all 32 lanes of the warp, but only %08x are there".formatted(lanes));
    }
    execute(warp);
  }

  abstract void execute(Warp warp);

  /** A number that has to be the same in all lanes. */
  static long uniform(Warp warp, int row, String what) {
    long value = warp.registers[row];
    for (int lane = 1; lane < Warp.LANES; lane++) {
      if (warp.registers[row + lane] != value) {
        throw warp.fault(
            lane,
            "%s is 0x%x here, but 0x%x in lane 0"
                .formatted(what, warp.registers[row + lane], value));
      }
    }
    return value;
  }
}
