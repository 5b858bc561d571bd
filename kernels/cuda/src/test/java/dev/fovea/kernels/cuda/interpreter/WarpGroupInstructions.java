package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;
import java.util.Set;

/**
 * What belongs to the products of four warps: fences, groups, waits, and who has which registers.
 */
final class WarpGroupInstructions {

  private WarpGroupInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("wgmma.mma_async", WarpGroupProduct::new);
    decoders.put("wgmma.fence", decoding -> aligned(decoding, new Fence()));
    decoders.put("wgmma.commit_group", decoding -> aligned(decoding, new Commit()));
    decoders.put(
        "wgmma.wait_group",
        decoding -> aligned(decoding, new WaitForGroups((int) decoding.immediate(0))));
    decoders.put("setmaxnreg", SetRegisters::new);
  }

  private static Instruction aligned(Decoding decoding, Instruction instruction) {
    if (!decoding.take("sync") || !decoding.take("aligned")) {
      throw decoding.refuse("its form is not known");
    }
    decoding.asynchronous();
    return instruction;
  }

  private static final class Fence extends WholeWarp {
    @Override
    void execute(Warp warp) {
      warp.products.fence();
    }
  }

  private static final class Commit extends WholeWarp {
    @Override
    void execute(Warp warp) {
      warp.products.commit();
    }
  }

  private static final class WaitForGroups extends WholeWarp {
    private final int pending;

    WaitForGroups(int pending) {
      this.pending = pending;
    }

    @Override
    void execute(Warp warp) {
      int completed = warp.products.waitFor(pending);
      warp.synchronization.learn(warp.block.cluster().agents().products(warp.number), completed);
    }
  }

  /** {@code setmaxnreg}: registers for others, or from others, of which there are 65536. */
  private static final class SetRegisters extends WholeWarp {
    private static final Set<String> DIRECTIONS = Set.of("inc", "dec");

    private final boolean more;
    private final int count;

    SetRegisters(Decoding decoding) {
      String direction = decoding.takeAny(DIRECTIONS);
      PtxType type = decoding.takeType();
      count = (int) decoding.immediate(0);
      if (direction == null || type != PtxType.U32 || count % 8 != 0 || count < 24 || count > 256) {
        throw decoding.refuse("anything but 24, 32, ..., 256 registers is not known");
      }
      more = direction.equals("inc");
      aligned(decoding, this);
    }

    @Override
    void execute(Warp warp) {
      warp.block.registerFile().set(warp, count, more);
    }
  }
}
