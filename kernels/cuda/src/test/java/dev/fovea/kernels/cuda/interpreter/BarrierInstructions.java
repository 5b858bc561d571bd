package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;

/** Barriers of blocks and of warps, and fences. */
final class BarrierInstructions {

  private BarrierInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    for (String name : new String[] {"bar", "barrier", "bar.cta", "barrier.cta"}) {
      decoders.put(name + ".sync", decoding -> new BlockBarrier(decoding, true));
      decoders.put(name + ".arrive", decoding -> new BlockBarrier(decoding, false));
    }
    decoders.put("bar.warp.sync", WarpBarrier::new);
    for (String name : new String[] {"membar", "fence", "nanosleep", "griddepcontrol"}) {
      decoders.put(name, BarrierInstructions::decodeNothing);
    }
  }

  private static Instruction decodeNothing(Decoding decoding) {
    decoding.takeRest();
    return new NoOperation();
  }

  private static final class BlockBarrier extends Collective {
    private final int barrier;
    private final int threads;
    private final boolean waits;

    BlockBarrier(Decoding decoding, boolean waits) {
      decoding.take("aligned");
      this.waits = waits;
      barrier = decoding.source(0);
      threads = decoding.count() > 1 ? decoding.source(1) : -1;
    }

    @Override
    int members(Warp warp, int lanes) {
      return Warp.ALL;
    }

    @Override
    void execute(Warp warp, int lanes) {
      int lane = Integer.numberOfTrailingZeros(lanes);
      int count = threads < 0 ? Barriers.ALL_THREADS : (int) warp.registers[threads + lane];
      warp.block.barriers().arrive(warp, (int) warp.registers[barrier + lane], count, waits);
    }
  }

  private static final class WarpBarrier extends Collective {
    private final int mask;

    WarpBarrier(Decoding decoding) {
      mask = decoding.source(0);
    }

    @Override
    int members(Warp warp, int lanes) {
      return WarpExchange.members(warp, mask, lanes);
    }

    @Override
    void execute(Warp warp, int lanes) {
      warp.synchronization.endEpoch();
    }
  }
}
