package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Scope.Label;
import java.util.Map;

/** Branches and ends. Calls are not here: the translator puts the function in their place. */
final class ControlFlow {

  private ControlFlow() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("bra", ControlFlow::decodeBranch);
    decoders.put("brx.idx", ControlFlow::decodeIndexed);
    decoders.put("ret", ControlFlow::decodeReturn);
    decoders.put("exit", decoding -> new Exit());
    decoders.put("trap", decoding -> new Trap());
  }

  private static Instruction decodeBranch(Decoding decoding) {
    decoding.take("uni");
    return new Branch(decoding.label(0));
  }

  private static Instruction decodeReturn(Decoding decoding) {
    decoding.take("uni");
    return decoding.end() == null ? new Exit() : new Branch(decoding.end());
  }

  private static Instruction decodeIndexed(Decoding decoding) {
    decoding.take("uni");
    int index = decoding.source(0);
    Label[] labels = decoding.labels(1);
    return new Instruction() {
      @Override
      void execute(Warp warp, int lanes) {
        int rest = lanes;
        while (rest != 0) {
          int lane = Integer.numberOfTrailingZeros(rest);
          int choice = (int) warp.registers[index + lane];
          if (choice < 0 || choice >= labels.length) {
            throw warp.fault(
                lane, "branches to entry %d of a table of %d".formatted(choice, labels.length));
          }
          int same = lanesWith(warp, choice, rest);
          rest &= ~same;
          if (rest == 0) {
            warp.branch(labels[choice].counter(), same);
          } else {
            warp.leave(labels[choice].counter(), same);
          }
        }
      }

      private int lanesWith(Warp warp, int choice, int among) {
        int same = 0;
        for (int lane = 0; lane < Warp.LANES; lane++) {
          same |= ((int) warp.registers[index + lane] == choice ? 1 : 0) << lane;
        }
        return same & among;
      }
    };
  }

  private static final class Branch extends Instruction {
    private final Label target;

    Branch(Label target) {
      this.target = target;
    }

    @Override
    void execute(Warp warp, int lanes) {
      warp.branch(target.counter(), lanes);
    }
  }

  private static final class Exit extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      warp.exit(lanes);
    }
  }

  private static final class Trap extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      throw warp.fault(Integer.numberOfTrailingZeros(lanes), "traps");
    }
  }
}
