package dev.fovea.kernels.cuda.interpreter;

import java.util.HashMap;
import java.util.Map;

/** All instructions that are known, by name. */
final class Opcodes {

  /** Turns the text of an instruction into something that runs. */
  interface Decoder {
    Instruction decode(Decoding decoding);
  }

  private static final Map<String, Decoder> DECODERS = new HashMap<>();

  static {
    Arithmetic.register(DECODERS);
    Comparison.register(DECODERS);
    Conversion.register(DECODERS);
    Moves.register(DECODERS);
    MemoryAccess.register(DECODERS);
    Atomics.register(DECODERS);
    ControlFlow.register(DECODERS);
    BarrierInstructions.register(DECODERS);
    WarpExchange.register(DECODERS);
    MatrixInstructions.register(DECODERS);
    AsyncCopyInstructions.register(DECODERS);
    MemoryBarrierInstructions.register(DECODERS);
    BulkCopyInstructions.register(DECODERS);
    WarpGroupInstructions.register(DECODERS);
    ClusterInstructions.register(DECODERS);
    GridInstructions.register(DECODERS);
  }

  private Opcodes() {}

  /** The decoder of a name, null if there is none. */
  static Decoder find(String name) {
    return DECODERS.get(name);
  }
}
