package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Decoding.Location;
import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** {@code ld} and {@code st}, of up to four numbers at once. */
final class MemoryAccess extends Instruction {

  /** Accesses that may meet others of their kind without a barrier. */
  private static final Set<String> STRONG =
      Set.of("volatile", "relaxed", "acquire", "release", "mmio");

  /** What says how widely an access is seen, or which cache to use: of no meaning here. */
  private static final Set<String> HINTS =
      Set.of(
          "weak",
          "cta",
          "cluster",
          "gpu",
          "sys",
          "ca",
          "cg",
          "cs",
          "lu",
          "cv",
          "wb",
          "wt",
          "nc",
          "L1::evict_normal",
          "L1::evict_unchanged",
          "L1::evict_first",
          "L1::evict_last",
          "L1::no_allocate",
          "L2::64B",
          "L2::128B",
          "L2::256B");

  private static final Set<String> VECTORS = Set.of("v2", "v4");

  private final boolean load;
  private final boolean strong;
  private final boolean signed;
  private final Location location;
  private final int[] rows;
  private final int size;
  private final int bytes;

  /** Bits of a register above a number of the type. */
  private final int unused;

  private MemoryAccess(Decoding decoding, boolean load) {
    this.load = load;
    strong = decoding.takeAny(STRONG) != null;
    takeHints(decoding);
    Space space = decoding.takeSpace();
    PtxType type = decoding.takeType();
    boolean vector = decoding.takeAny(VECTORS) != null;
    List<Operand> values = decoding.members(load ? 0 : 1);
    if (vector != values.size() > 1) {
      throw decoding.refuse("its number of operands is not known");
    }
    location = decoding.location(load ? 1 : 0, space);
    rows = values.stream().mapToInt(load ? decoding::target : decoding::source).toArray();
    takePolicy(decoding, 2);
    size = type.bytes();
    bytes = size * rows.length;
    unused = Long.SIZE - type.bits();
    signed = type.signed();
    decoding.access(location.space(), bytes);
  }

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("ld", decoding -> new MemoryAccess(decoding, true));
    decoders.put("ldu", decoding -> new MemoryAccess(decoding, true));
    decoders.put("st", decoding -> new MemoryAccess(decoding, false));
    decoders.put("prefetch", MemoryAccess::decodePrefetch);
    decoders.put("prefetchu", MemoryAccess::decodePrefetch);
  }

  /** Takes what only a real memory would heed. */
  static void takeHints(Decoding decoding) {
    while (decoding.takeAny(HINTS) != null) {}
  }

  /**
   * Takes a policy for the cache, which is of no meaning here either.
   *
   * @param operand number of the operand that is the policy
   */
  static void takePolicy(Decoding decoding, int operand) {
    if (decoding.take("L2::cache_hint")) {
      decoding.source(operand);
    }
  }

  private static Instruction decodePrefetch(Decoding decoding) {
    decoding.takeRest();
    return new NoOperation();
  }

  @Override
  void execute(Warp warp, int lanes) {
    for (int rest = lanes; rest != 0; rest &= rest - 1) {
      int lane = Integer.numberOfTrailingZeros(rest);
      if (load) {
        load(warp, lane);
      } else {
        store(warp, lane);
      }
    }
    if (!load) {
      warp.block.changed();
      if (strong) {
        warp.synchronization.endEpoch();
      }
    }
  }

  private void load(Warp warp, int lane) {
    long address = location.address(warp, lane);
    int index = warp.memory.reading(location.space(), lane, address, bytes, strong);
    byte[] memory = warp.memory.bytes;
    for (int row : rows) {
      long number = Bits.get(memory, index, size) << unused;
      warp.registers[row + lane] = signed ? number >> unused : number >>> unused;
      index += size;
    }
  }

  private void store(Warp warp, int lane) {
    long address = location.address(warp, lane);
    int index = warp.memory.writing(location.space(), lane, address, bytes, strong);
    byte[] memory = warp.memory.bytes;
    for (int row : rows) {
      Bits.set(memory, index, size, warp.registers[row + lane]);
      index += size;
    }
  }
}
