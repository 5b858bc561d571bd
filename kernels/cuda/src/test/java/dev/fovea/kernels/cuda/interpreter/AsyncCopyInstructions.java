package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Decoding.Location;
import java.util.Map;
import java.util.Set;

/** {@code cp.async}, its groups and the waits for them. */
final class AsyncCopyInstructions {

  private static final Set<String> CACHES = Set.of("ca", "cg");

  private AsyncCopyInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("cp.async", Copy::new);
    decoders.put("cp.async.commit_group", decoding -> new Commit());
    decoders.put("cp.async.wait_group", decoding -> new Wait((int) decoding.immediate(0)));
    decoders.put("cp.async.wait_all", decoding -> new Wait(-1));
  }

  private static final class Copy extends Instruction {
    private final Location target;
    private final Location source;
    private final int size;
    private final int sourceBytes;
    private final int ignored;

    /**
     * {@code [target], [source], size}, and bytes to read or a predicate that says to read none.
     */
    Copy(Decoding decoding) {
      String cache = decoding.takeAny(CACHES);
      MemoryAccess.takeHints(decoding);
      boolean shared = decoding.take("shared") || decoding.take("shared::cta");
      size = (int) decoding.immediate(2);
      boolean legal = size == 16 || ("ca".equals(cache) && (size == 4 || size == 8));
      if (!shared || !decoding.take("global") || !legal) {
        throw decoding.refuse("its form is not known");
      }
      target = decoding.location(0, Space.SHARED);
      source = decoding.location(1, Space.GLOBAL);
      boolean policy = decoding.take("L2::cache_hint");
      if (policy) {
        decoding.source(decoding.count() - 1);
      }
      boolean more = decoding.count() > (policy ? 4 : 3);
      boolean predicate = more && decoding.declared(decoding.operand(3)) == PtxType.PRED;
      sourceBytes = more && !predicate ? decoding.source(3) : -1;
      ignored = predicate ? decoding.predicate(decoding.operand(3)) : -1;
      decoding.access(Space.SHARED, size);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        warp.copies.start(
            lane, target.address(warp, lane), source.address(warp, lane), size, bytes(warp, lane));
      }
    }

    private int bytes(Warp warp, int lane) {
      if (ignored >= 0) {
        return (warp.predicates[ignored] >>> lane & 1) != 0 ? 0 : size;
      }
      int bytes = sourceBytes < 0 ? size : (int) warp.registers[sourceBytes + lane];
      if (bytes < 0 || bytes > size) {
        throw warp.fault(lane, "reads " + bytes + " bytes to write " + size);
      }
      return bytes;
    }
  }

  private static final class Commit extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      warp.copies.commit(lanes);
    }
  }

  private static final class Wait extends Instruction {
    private final int pending;

    Wait(int pending) {
      this.pending = pending;
    }

    @Override
    void execute(Warp warp, int lanes) {
      warp.copies.waitForGroups(lanes, pending);
    }
  }
}
