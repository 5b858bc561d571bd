package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Decoding.Location;
import java.util.Map;
import java.util.Set;

/** {@code mbarrier}, and the fences that asynchronous instructions need. */
final class MemoryBarrierInstructions {

  private static final Set<String> ORDERS = Set.of("release", "acquire", "relaxed");
  private static final Set<String> SCOPES = Set.of("cta", "cluster");

  private MemoryBarrierInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("mbarrier.init", Initialise::new);
    decoders.put("mbarrier.inval", Invalidate::new);
    decoders.put("mbarrier.arrive", Arrive::new);
    decoders.put("mbarrier.expect_tx", Expect::new);
    decoders.put("mbarrier.test_wait", decoding -> new Test(decoding, false));
    decoders.put("mbarrier.try_wait", decoding -> new Test(decoding, true));
    decoders.put("fence.mbarrier_init", BarrierFence::new);
    decoders.put("fence.proxy", MemoryBarrierInstructions::decodeProxyFence);
  }

  private static Instruction decodeProxyFence(Decoding decoding) {
    String rest = decoding.takeRest();
    return switch (rest) {
      case ".async", ".async.shared::cta", ".async.shared::cluster" -> {
        decoding.asynchronous();
        yield new ProxyFence();
      }
      case ".async.global" -> new NoOperation();
      default -> throw decoding.refuse("fence.proxy" + rest + " is not known");
    };
  }

  /** What is done to barriers, lane by lane. */
  private abstract static class OnBarrier extends Instruction {
    final Location location;

    OnBarrier(Decoding decoding, int operand) {
      Space space = decoding.takeSpace();
      decoding.takeAny(SCOPES);
      if (decoding.takeType() != PtxType.B64) {
        throw decoding.refuse("a barrier of anything but b64 is not known");
      }
      location = decoding.location(operand, space);
      decoding.access(Space.SHARED, Long.BYTES);
      decoding.asynchronous();
    }

    /** The shared address; of another block's memory with that block's rank. */
    final long address(Warp warp, int lane) {
      long address = location.address(warp, lane);
      return location.space() == Space.GENERIC ? address - Space.SHARED.window() : address;
    }

    /** The barrier at a lane's address, which the lane has to know of. */
    final MemoryBarrier barrier(Warp warp, int lane) {
      return MemoryBarrierInstructions.barrier(warp, lane, address(warp, lane), false);
    }
  }

  /**
   * The barrier at a shared address.
   *
   * @param asynchronous true if a copy will use it
   */
  static MemoryBarrier barrier(Warp warp, int lane, long address, boolean asynchronous) {
    SharedMemory home = warp.block.cluster().blockOf(warp, lane, address).shared();
    MemoryBarrier barrier = home.barriers().get((int) Cluster.offset(address));
    if (barrier == null) {
      throw warp.fault(
          lane,
          "there is no barrier at %s%s: none has been initialised there"
              .formatted(
                  warp.block.kernel().sharedPlace((int) Cluster.offset(address)),
                  home.block().suffix()));
    }
    barrier.require(warp, lane, asynchronous);
    return barrier;
  }

  private static final class Initialise extends OnBarrier {
    private final int arrivals;

    Initialise(Decoding decoding) {
      super(decoding, 0);
      arrivals = decoding.source(1);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        int count = (int) warp.registers[arrivals + lane];
        if (count < 1 || count > MemoryBarrier.MOST) {
          throw warp.fault(lane, "initialises a barrier with " + count + " arrivals");
        }
        warp.block.shared().initialise(warp, lane, address(warp, lane), count);
      }
      warp.block.changed();
    }
  }

  private static final class Invalidate extends OnBarrier {
    Invalidate(Decoding decoding) {
      super(decoding, 0);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        warp.block.shared().invalidate(warp, lane, barrier(warp, lane));
      }
    }
  }

  /** {@code state, [barrier]}, and a count of arrivals or of bytes. */
  private static final class Arrive extends OnBarrier {
    private final int state;
    private final int number;
    private final boolean expects;
    private final boolean releases;

    Arrive(Decoding decoding) {
      super(decoding, 1);
      state = decoding.target(0);
      expects = decoding.take("expect_tx");
      releases = !"relaxed".equals(decoding.takeAny(ORDERS));
      number = decoding.count() > 2 ? decoding.source(2) : -1;
      if (expects && number < 0) {
        throw decoding.refuse("expect_tx without bytes is not known");
      }
    }

    @Override
    void execute(Warp warp, int lanes) {
      MemoryBarrier[] barriers = new MemoryBarrier[Warp.LANES];
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        barriers[lane] = barrier(warp, lane);
      }
      // Not before: that the warp touches another block's barrier is told by the arrival itself.
      if (releases) {
        warp.synchronization.endEpoch();
      }
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        warp.registers[state + lane] = barriers[lane].phase();
        arrive(warp, lane, barriers[lane]);
      }
      warp.block.changed();
    }

    private void arrive(Warp warp, int lane, MemoryBarrier barrier) {
      long operand = number < 0 ? 1 : warp.registers[number + lane] & 0xffffffffL;
      if (expects) {
        barrier.expect(warp, lane, operand);
      }
      barrier.arrive(warp, lane, expects ? 1 : (int) operand, releases);
    }
  }

  private static final class Expect extends OnBarrier {
    private final int bytes;

    Expect(Decoding decoding) {
      super(decoding, 0);
      decoding.takeAny(ORDERS);
      bytes = decoding.source(1);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        barrier(warp, lane).expect(warp, lane, warp.registers[bytes + lane] & 0xffffffffL);
      }
      warp.block.changed();
    }
  }

  /**
   * {@code passed, [barrier], state or parity}: whether a phase is over. {@code try_wait} may wait
   * for that; here it does so the second time that it is tried, so that who tries once is found
   * out.
   */
  private static final class Test extends OnBarrier {
    private final boolean waits;
    private final boolean parity;
    private final boolean acquires;
    private final int passed;
    private final int phase;

    Test(Decoding decoding, boolean waits) {
      super(decoding, 1);
      this.waits = waits;
      parity = decoding.take("parity");
      acquires = !"relaxed".equals(decoding.takeAny(ORDERS));
      passed = decoding.predicateTarget(decoding.operand(0));
      phase = decoding.source(2);
      if (decoding.count() > 3) {
        decoding.source(3);
      }
    }

    @Override
    void execute(Warp warp, int lanes) {
      int first = Integer.numberOfTrailingZeros(lanes);
      MemoryBarrier barrier = barrier(warp, first);
      if (test(warp, lanes)) {
        return;
      }
      if (waits && warp.triesAgain(barrier) && warp.isWhole(lanes)) {
        warp.waitFor(new ForPhase(warp, lanes, barrier));
      } else {
        warp.yieldTurn();
      }
    }

    /** Sets the predicates; true if one of them is true. */
    private boolean test(Warp warp, int lanes) {
      int over = 0;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        MemoryBarrier barrier = barrier(warp, lane);
        if (isOver(warp, lane, barrier)) {
          over |= 1 << lane;
          if (acquires) {
            barrier.acquire(warp);
          }
        }
      }
      warp.setPredicate(passed, lanes, over);
      return over != 0;
    }

    private boolean isOver(Warp warp, int lane, MemoryBarrier barrier) {
      long asked = warp.registers[phase + lane];
      if (parity) {
        return (barrier.phase() & 1) != (asked & 1);
      }
      if (asked < barrier.phase() - 1 || asked > barrier.phase()) {
        throw warp.fault(
            lane, "asks %s about phase %d, long over".formatted(barrier.progress(), asked));
      }
      return asked < barrier.phase();
    }

    private final class ForPhase implements Warp.Wait {
      private final Warp warp;
      private final int lanes;
      private final MemoryBarrier barrier;
      private final int phase;

      ForPhase(Warp warp, int lanes, MemoryBarrier barrier) {
        this.warp = warp;
        this.lanes = lanes;
        this.barrier = barrier;
        phase = barrier.phase();
      }

      @Override
      public boolean isOver() {
        return barrier.phase() != phase;
      }

      @Override
      public void end() {
        test(warp, lanes);
      }

      @Override
      public String toString() {
        return "for " + barrier;
      }
    }
  }

  /** Shows barriers to other blocks and to copies. */
  private static final class BarrierFence extends Instruction {
    BarrierFence(Decoding decoding) {
      if (!decoding.takeRest().equals(".release.cluster")) {
        throw decoding.refuse("its form is not known");
      }
      decoding.asynchronous();
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (MemoryBarrier barrier : warp.block.shared().barriers().values()) {
        barrier.fence(warp);
      }
    }
  }

  /** Shows what has been written to asynchronous instructions. */
  private static final class ProxyFence extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      warp.synchronization.fence(lanes);
      if (lanes == warp.live()) {
        // What the warp writes from here on is told apart from what it has written.
        warp.synchronization.endEpoch();
      }
    }
  }
}
