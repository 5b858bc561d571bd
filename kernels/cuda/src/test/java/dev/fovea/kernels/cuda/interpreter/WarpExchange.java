package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import java.util.Map;
import java.util.Set;

/** What the lanes of a warp tell each other without memory. */
final class WarpExchange {

  private static final Set<String> SHUFFLES = Set.of("up", "down", "bfly", "idx");
  private static final Set<String> VOTES = Set.of("any", "all", "uni", "ballot");
  private static final Set<String> REDUCTIONS = Set.of("add", "min", "max", "and", "or", "xor");

  private WarpExchange() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("shfl.sync", Shuffle::new);
    decoders.put("vote.sync", Vote::new);
    decoders.put("redux.sync", Reduction::new);
    decoders.put("elect.sync", Election::new);
    decoders.put("activemask", ActiveMask::new);
  }

  /** The lanes that the masks of the given lanes name together; each has to name itself. */
  static int members(Warp warp, int mask, int lanes) {
    int members = 0;
    for (int rest = lanes; rest != 0; rest &= rest - 1) {
      int lane = Integer.numberOfTrailingZeros(rest);
      int named = (int) warp.registers[mask + lane];
      if ((named >>> lane & 1) == 0) {
        throw warp.fault(lane, "is not in its own mask of members, %08x".formatted(named));
      }
      members |= named;
    }
    return members;
  }

  /** A collective instruction with a mask of members. */
  private abstract static class Masked extends Collective {
    final int mask;

    Masked(int mask) {
      this.mask = mask;
    }

    @Override
    final int members(Warp warp, int lanes) {
      return WarpExchange.members(warp, mask, lanes);
    }

    /** Those of the lanes that one lane names. */
    final int peers(Warp warp, int lane, int lanes) {
      return (int) warp.registers[mask + lane] & lanes;
    }
  }

  private static final class Shuffle extends Masked {
    private final String mode;
    private final int target;
    private final int inRange;
    private final int value;
    private final int distance;
    private final int bounds;

    Shuffle(Decoding decoding) {
      super(decoding.source(4));
      mode = decoding.takeAny(SHUFFLES);
      decoding.takeType();
      boolean pair = decoding.operand(0) instanceof Syntax.Pair;
      Operand first =
          decoding.operand(0) instanceof Syntax.Pair(Operand data, Operand _)
              ? data
              : decoding.operand(0);
      target = decoding.target(first);
      inRange =
          pair ? decoding.predicateTarget(((Syntax.Pair) decoding.operand(0)).second()) : Warp.SINK;
      value = decoding.source(1);
      distance = decoding.source(2);
      bounds = decoding.source(3);
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      int found = 0;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        int clamp = (int) r[bounds + lane] & 31;
        int segment = (int) r[bounds + lane] >>> 8 & 31;
        int last = (lane & segment) | (clamp & ~segment);
        int source = source(lane, (int) r[distance + lane] & 31, segment);
        boolean inside = mode.equals("up") ? source >= last : source <= last;
        source = inside ? source : lane;
        if ((peers(warp, lane, lanes) >>> source & 1) == 0) {
          throw warp.fault(lane, "reads from lane " + source + ", which does not take part");
        }
        found |= (inside ? 1 : 0) << lane;
        r[Warp.SCRATCH + lane] = r[value + source];
      }
      warp.take(target, lanes);
      warp.setPredicate(inRange, lanes, found);
    }

    private int source(int lane, int by, int segment) {
      return switch (mode) {
        case "up" -> lane - by;
        case "down" -> lane + by;
        case "bfly" -> lane ^ by;
        default -> (lane & segment) | (by & ~segment);
      };
    }
  }

  private static final class Vote extends Masked {
    private final String mode;
    private final int target;
    private final int predicate;
    private final int inversion;

    Vote(Decoding decoding) {
      super(decoding.source(2));
      mode = decoding.takeAny(VOTES);
      decoding.takeType();
      target =
          mode.equals("ballot")
              ? decoding.target(0)
              : decoding.predicateTarget(decoding.operand(0));
      predicate = decoding.predicate(decoding.operand(1));
      inversion = decoding.operand(1) instanceof Syntax.Not ? -1 : 0;
    }

    @Override
    void execute(Warp warp, int lanes) {
      int votes = (warp.predicates[predicate] ^ inversion) & lanes;
      int outcome = 0;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        int peers = peers(warp, lane, lanes);
        int yes = votes & peers;
        warp.registers[Warp.SCRATCH + lane] = yes;
        boolean holds =
            switch (mode) {
              case "any" -> yes != 0;
              case "all" -> yes == peers;
              default -> yes == 0 || yes == peers;
            };
        outcome |= (holds ? 1 : 0) << lane;
      }
      if (mode.equals("ballot")) {
        warp.take(target, lanes);
      } else {
        warp.setPredicate(target, lanes, outcome);
      }
    }
  }

  private static final class Reduction extends Masked {
    private final String operation;
    private final PtxType type;
    private final int target;
    private final int value;

    Reduction(Decoding decoding) {
      super(decoding.source(2));
      operation = decoding.takeAny(REDUCTIONS);
      type = decoding.takeType();
      target = decoding.target(0);
      value = decoding.source(1);
      if (operation == null || type.bytes() != Integer.BYTES || type.floating()) {
        throw decoding.refuse("its operation is not known");
      }
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        long result = type.extend(r[value + lane]);
        for (int peers = peers(warp, lane, lanes) & ~(1 << lane); peers != 0; peers &= peers - 1) {
          int peer = Integer.numberOfTrailingZeros(peers);
          result = combine(result, type.extend(r[value + peer]));
        }
        r[Warp.SCRATCH + lane] = result;
      }
      warp.take(target, lanes);
    }

    private long combine(long a, long b) {
      return switch (operation) {
        case "add" -> a + b;
        case "min" -> Math.min(a, b);
        case "max" -> Math.max(a, b);
        case "and" -> a & b;
        case "or" -> a | b;
        default -> a ^ b;
      };
    }
  }

  /** Chooses the lowest lane. */
  private static final class Election extends Masked {
    private final int target;
    private final int elected;

    Election(Decoding decoding) {
      super(decoding.source(1));
      if (!(decoding.operand(0) instanceof Syntax.Pair(Operand leader, Operand predicate))) {
        throw decoding.refuse("an election without a predicate is not known");
      }
      target = decoding.target(leader);
      elected = decoding.predicateTarget(predicate);
    }

    @Override
    void execute(Warp warp, int lanes) {
      int winners = 0;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        int leader = Integer.numberOfTrailingZeros(peers(warp, lane, lanes));
        warp.registers[Warp.SCRATCH + lane] = leader;
        winners |= (leader == lane ? 1 : 0) << lane;
      }
      warp.take(target, lanes);
      warp.setPredicate(elected, lanes, winners);
    }
  }

  /** The lanes that happen to be here. */
  private static final class ActiveMask extends Instruction {
    private final int target;

    ActiveMask(Decoding decoding) {
      decoding.takeType();
      target = decoding.target(0);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        warp.registers[Warp.SCRATCH + lane] = lanes;
      }
      warp.take(target, lanes);
    }
  }
}
