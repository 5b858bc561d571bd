package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Verb.Copy;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.cuda.Workbench;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** How long one verb takes, with operands that come from memory. */
final class VerbTimer {

  private static final int MOST_COPIES = 64;

  private VerbTimer() {}

  /**
   * Times a verb with the tile that the bench was told to use.
   *
   * @param seconds about how long
   */
  static Times time(Workbench bench, Verb verb, Scale scale, double seconds) {
    int copies = copies(scale.rotationBytes(), verb.bytes());
    try (Recorder recorder = bench.device().record()) {
      List<Copy> all = new ArrayList<>();
      for (int i = 0; i < copies; i++) {
        all.add(verb.prepare(bench.device(), recorder, i));
      }
      // Once in advance, so that all matrices are there in the form that the verb wants.
      all.forEach(Copy::record);
      bench.preparationEnds(recorder);
      all.forEach(Copy::record);
      try (Plan plan = recorder.build()) {
        all.forEach(Copy::fillPixels);
        plan.run();
        float once = bench.kernelMilliseconds(List.of(plan), 1)[0];
        int rounds = Times.rounds(seconds, once, scale.most());
        return Times.of(bench.kernelMilliseconds(List.of(plan), rounds), copies);
      }
    }
  }

  /** How many sets of operands take turns. */
  static int copies(long rotationBytes, long bytes) {
    return Math.clamp(Math.ceilDiv(rotationBytes, bytes), 2, MOST_COPIES);
  }

  /** What a time says about arithmetic and memory. */
  static Map<String, Object> rates(Times times, long operations, long bytes) {
    return Results.row(
        "teraflops",
        operations / times.median() / 1e9,
        "gigabytes_per_second",
        bytes / times.median() / 1e6);
  }
}
