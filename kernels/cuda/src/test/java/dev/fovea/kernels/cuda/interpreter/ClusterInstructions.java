package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;
import java.util.Set;

/** What blocks of a cluster do together: their barrier, and whose memory an address is in. */
final class ClusterInstructions {

  private static final Set<String> ORDERS = Set.of("release", "acquire", "relaxed");

  private ClusterInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("barrier.cluster.arrive", Arrive::new);
    decoders.put("barrier.cluster.wait", Wait::new);
    decoders.put("mapa", MapAddress::new);
    decoders.put("getctarank", Rank::new);
    decoders.put("isspacep", IsSpace::new);
  }

  /** All threads of a warp come together. */
  private abstract static class AtBarrier extends Collective {
    final boolean relaxed;

    AtBarrier(Decoding decoding) {
      relaxed = "relaxed".equals(decoding.takeAny(ORDERS));
      decoding.take("aligned");
      decoding.asynchronous();
    }

    @Override
    final int members(Warp warp, int lanes) {
      return Warp.ALL;
    }
  }

  private static final class Arrive extends AtBarrier {
    Arrive(Decoding decoding) {
      super(decoding);
    }

    @Override
    void execute(Warp warp, int lanes) {
      warp.block.cluster().barrier().arrive(warp, !relaxed);
    }
  }

  private static final class Wait extends AtBarrier {
    Wait(Decoding decoding) {
      super(decoding);
    }

    @Override
    void execute(Warp warp, int lanes) {
      warp.block.cluster().barrier().await(warp);
    }
  }

  /** {@code d, address, rank}: the same address in the shared memory of another block. */
  private static final class MapAddress extends Instruction {
    private final int target;
    private final int address;
    private final int rank;
    private final long window;

    MapAddress(Decoding decoding) {
      Space space = decoding.takeSpace();
      decoding.takeType();
      window = space == Space.GENERIC ? Space.SHARED.window() : 0;
      target = decoding.target(0);
      address = decoding.source(1);
      rank = decoding.source(2);
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      int blocks = warp.block.cluster().blocks().length;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        long block = r[rank + lane] & 0xffffffffL;
        if (block >= blocks) {
          throw warp.fault(lane, "asks for block %d of a cluster of %d".formatted(block, blocks));
        }
        r[lane] = window + Cluster.remote(r[address + lane] - window, (int) block);
      }
      warp.take(target, lanes);
    }
  }

  /** {@code d, address}: the block that a shared address belongs to. */
  private static final class Rank extends Instruction {
    private final int target;
    private final int address;
    private final long window;

    Rank(Decoding decoding) {
      Space space = decoding.takeSpace();
      decoding.takeType();
      window = space == Space.GENERIC ? Space.SHARED.window() : 0;
      target = decoding.target(0);
      address = decoding.source(1);
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        long shared = window == 0 ? r[address + lane] & 0xffffffffL : r[address + lane] - window;
        r[lane] = warp.block.cluster().rank(warp, lane, shared);
      }
      warp.take(target, lanes);
    }
  }

  /** {@code p, address}: whether a generic address is in a space. */
  private static final class IsSpace extends Instruction {
    private final Space space;
    private final int target;
    private final int address;

    IsSpace(Decoding decoding) {
      space = decoding.takeSpace();
      target = decoding.predicateTarget(decoding.operand(0));
      address = decoding.source(1);
    }

    @Override
    void execute(Warp warp, int lanes) {
      int inside = 0;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        inside |= isInside(warp, lane, warp.registers[address + lane]) ? 1 << lane : 0;
      }
      warp.setPredicate(target, lanes, inside);
    }

    private boolean isInside(Warp warp, int lane, long generic) {
      Space actual = Space.of(generic);
      if (space != Space.SHARED || actual != Space.CLUSTER) {
        return actual == space;
      }
      return warp.block.cluster().rank(warp, lane, generic - actual.window()) == warp.block.rank();
    }
  }
}
