package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;

/** What concerns the grids before and behind this one, and hints for caches. */
final class GridInstructions {

  private GridInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("griddepcontrol.wait", decoding -> new WaitForEarlier());
    decoders.put("griddepcontrol.launch_dependents", decoding -> new LetNextStart());
    decoders.put("createpolicy", Policy::new);
  }

  private static final class WaitForEarlier extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      warp.synchronization.learn(warp.block.cluster().agents().earlierGrids(), 1);
    }
  }

  private static final class LetNextStart extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      warp.block.grid().order().letNextStart(warp.knowsEarlierGrids());
    }
  }

  /** A policy for caches, of which there are none. */
  private static final class Policy extends Instruction {
    private final int target;

    Policy(Decoding decoding) {
      decoding.takeRest();
      target = decoding.target(0);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        warp.registers[Warp.SCRATCH + lane] = 0;
      }
      warp.take(target, lanes);
    }
  }
}
