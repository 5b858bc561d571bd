package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;

/** Barriers of blocks and of warps, and fences. */
final class BarrierInstructions {

  private BarrierInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    for (String name : new String[] {"bar", "barrier", "bar.cta", "barrier.cta"}) {
      decoders.put(name + ".sync", decoding -> new BlockBarrier(decoding, true));
      decoders.put(name + ".arrive", decoding -> new BlockBarrier(decoding, false));
      decoders.put(name + ".red", Vote::new);
    }
    decoders.put("bar.warp.sync", WarpBarrier::new);
    for (String name : new String[] {"membar", "fence", "nanosleep"}) {
      decoders.put(name, BarrierInstructions::decodeNothing);
    }
  }

  private static Instruction decodeNothing(Decoding decoding) {
    decoding.takeRest();
    return new NoOperation();
  }

  /** Something that all threads of a warp come to together. */
  private abstract static class AtBarrier extends Collective {
    private final int barrier;
    private final int threads;

    /**
     * Notes the operands.
     *
     * @param barrier row of its number
     * @param threads row of the count of threads that it waits for, -1 for all of the block
     */
    AtBarrier(int barrier, int threads) {
      this.barrier = barrier;
      this.threads = threads;
    }

    @Override
    final int members(Warp warp, int lanes) {
      return Warp.ALL;
    }

    @Override
    final void execute(Warp warp, int lanes) {
      int lane = Integer.numberOfTrailingZeros(lanes);
      int count = threads < 0 ? Barriers.ALL_THREADS : (int) warp.registers[threads + lane];
      arrive(warp, (int) warp.registers[barrier + lane], count);
    }

    abstract void arrive(Warp warp, int number, int count);
  }

  private static final class BlockBarrier extends AtBarrier {
    private final boolean waits;

    BlockBarrier(Decoding decoding, boolean waits) {
      super(decoding.source(0), decoding.count() > 1 ? decoding.source(1) : -1);
      decoding.take("aligned");
      this.waits = waits;
    }

    @Override
    void arrive(Warp warp, int number, int count) {
      warp.block.barriers().arrive(warp, number, count, waits);
    }
  }

  /** {@code bar.red}: how many threads hold a predicate, or whether any or all do. */
  private static final class Vote extends AtBarrier {
    private static final Set<String> QUESTIONS = Set.of("popc", "and", "or");

    private final String question;
    private final int target;
    private final int predicate;
    private final int inversion;

    Vote(Decoding decoding) {
      super(decoding.source(1), decoding.count() > 3 ? decoding.source(2) : -1);
      decoding.take("aligned");
      question = decoding.takeAny(QUESTIONS);
      decoding.takeType();
      if (question == null) {
        throw decoding.refuse("its question is not known");
      }
      Operand asked = decoding.operand(decoding.count() - 1);
      predicate = decoding.predicate(asked);
      inversion = asked instanceof Syntax.Not ? -1 : 0;
      target =
          question.equals("popc")
              ? decoding.target(0)
              : decoding.predicateTarget(decoding.operand(0));
    }

    @Override
    void arrive(Warp warp, int number, int count) {
      int votes = (warp.predicates[predicate] ^ inversion) & warp.live();
      warp.block.barriers().vote(warp, number, count, votes, this::answer);
    }

    private void answer(Warp warp, int yes, int voters) {
      switch (question) {
        case "popc" -> Arrays.fill(warp.registers, target, target + Warp.LANES, yes);
        case "and" -> warp.setPredicate(target, Warp.ALL, yes == voters ? Warp.ALL : 0);
        default -> warp.setPredicate(target, Warp.ALL, yes > 0 ? Warp.ALL : 0);
      }
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
