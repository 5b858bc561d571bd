package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Decoding.Location;
import java.util.Map;
import java.util.Set;

/** {@code atom} and {@code red}: lanes one after another. */
final class Atomics extends Instruction {

  private static final Set<String> ORDERS = Set.of("relaxed", "acquire", "release", "acq_rel");
  private static final Set<String> OPERATIONS =
      Set.of("add", "exch", "cas", "inc", "dec", "min", "max", "and", "or", "xor");

  private final String operation;
  private final PtxType type;
  private final Location location;
  private final int target;
  private final int first;
  private final int second;

  private Atomics(Decoding decoding, boolean hasResult) {
    decoding.takeAny(ORDERS);
    MemoryAccess.takeHints(decoding);
    Space space = decoding.takeSpace();
    type = decoding.takeType();
    operation = decoding.takeAny(OPERATIONS);
    if (operation == null || type.bytes() < Integer.BYTES || HalfFormat.of(type) != null) {
      throw decoding.refuse("its operation is not known");
    }
    int address = hasResult ? 1 : 0;
    target = hasResult ? decoding.target(0) : Warp.SINK * Warp.LANES;
    location = decoding.location(address, space);
    first = decoding.source(address + 1);
    second = operation.equals("cas") ? decoding.source(address + 2) : 0;
    decoding.access(space, type.bytes());
  }

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("atom", decoding -> new Atomics(decoding, true));
    decoders.put("red", decoding -> new Atomics(decoding, false));
  }

  @Override
  void execute(Warp warp, int lanes) {
    boolean changed = false;
    for (int rest = lanes; rest != 0; rest &= rest - 1) {
      int lane = Integer.numberOfTrailingZeros(rest);
      changed |= update(warp, lane);
    }
    warp.synchronization.endEpoch();
    // A failed attempt to take a lock changes nothing, so that waiting for ever can be told from
    // waiting.
    if (changed) {
      warp.block.changed();
    }
  }

  private boolean update(Warp warp, int lane) {
    long address = location.address(warp, lane);
    int size = type.bytes();
    int index = warp.memory.reading(location.space(), lane, address, size, true);
    long before = Bits.get(warp.memory.bytes, index, size);
    long operand = warp.registers[first + lane];
    long after = apply(before, operand, warp.registers[second + lane]);
    warp.memory.writing(location.space(), lane, address, size, true);
    Bits.set(warp.memory.bytes, index, size, after);
    warp.registers[target + lane] = before;
    return type.extend(before) != type.extend(after);
  }

  private long apply(long before, long operand, long other) {
    long old = type.extend(before);
    long value = type.extend(operand);
    return switch (operation) {
      case "add" -> sum(old, value);
      case "exch" -> value;
      case "cas" -> old == value ? other : old;
      case "inc" -> Long.compareUnsigned(old, value) >= 0 ? 0 : old + 1;
      case "dec" -> old == 0 || Long.compareUnsigned(old, value) > 0 ? value : old - 1;
      case "min" -> less(old, value) ? old : value;
      case "max" -> less(old, value) ? value : old;
      case "and" -> old & value;
      case "or" -> old | value;
      default -> old ^ value;
    };
  }

  private long sum(long a, long b) {
    return switch (type) {
      case F32 -> LaneLoop.bits(LaneLoop.real(a) + LaneLoop.real(b));
      case F64 ->
          Double.doubleToRawLongBits(Double.longBitsToDouble(a) + Double.longBitsToDouble(b));
      default -> a + b;
    };
  }

  private boolean less(long a, long b) {
    return type.signed() ? a < b : Long.compareUnsigned(a, b) < 0;
  }
}
