package dev.fovea.bench.gpu;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.ForwardPasses;
import dev.fovea.ForwardPasses.Pass;
import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Forward passes of one model on one bench. */
final class ForwardTimer {

  private final Workbench bench;
  private final Scale scale;
  private final ForwardPasses passes;
  private final Map<String, Object> keys;

  /** Packs the model. */
  ForwardTimer(
      Workbench bench, ModelSize model, WeightStorage precision, String kernels, Scale scale) {
    this.bench = bench;
    this.scale = scale;
    keys =
        Results.row(
            "engine",
            "fovea",
            "what",
            "forward",
            "model",
            model.name(),
            "precision",
            Setting.precision(precision),
            "multiplier",
            kernels,
            "on",
            bench.device().description());
    try (VitWeights weights =
        VitWeights.of(new SyntheticCheckpoint(model.checkpoint()), null, null, null)) {
      passes = new ForwardPasses(weights, bench.device());
    }
  }

  /**
   * A row of one size.
   *
   * @param output "cls" or "tokens"
   */
  Map<String, Object> time(Batch batch, String output) {
    FeatureRequest request = FeatureRequest.of(output.equals("cls") ? Feature.CLS : Feature.TOKENS);
    List<Plan> plans = new ArrayList<>();
    try {
      int plansOfABatch = 0;
      while (plans.size() < scale.rotationPlans()) {
        plansOfABatch = addOneBatch(plans, batch, request);
      }
      int batches = plans.size() / plansOfABatch;
      float once = bench.kernelMilliseconds(plans, 1)[0];
      int rounds = Times.rounds(scale.rowSeconds(), once, scale.most());
      Times kernels = Times.of(bench.kernelMilliseconds(plans, rounds), batches);
      Times whole = Times.of(bench.milliseconds(plans, rounds), batches);
      Map<String, Object> row =
          Results.joined(
              keys,
              Results.row("pixels", batch.pixels(), "batch", batch.images(), "output", output));
      kernels.addTo(row);
      row.put("images_per_second", 1000 * batch.images() / kernels.median());
      row.put("with_copies_milliseconds", whole.median());
      row.put("plans_of_a_batch", plansOfABatch);
      return row;
    } finally {
      plans.forEach(Plan::close);
    }
  }

  /** Plans for all images of a batch, as the engine would divide them; returns how many. */
  private int addOneBatch(List<Plan> plans, Batch batch, FeatureRequest request) {
    int pixels = batch.pixels();
    int most = passes.imagesOfAPlan(pixels, pixels);
    int parts = 0;
    for (int first = 0; first < batch.images(); first += most) {
      int images = Math.min(most, batch.images() - first);
      Pass pass = passes.record(images, pixels, pixels, request);
      plans.add(pass.plan());
      byte[] bytes = Numbers.bytes("images " + plans.size(), images * pixels * pixels * 3);
      MemorySegment.copy(bytes, 0, pass.pixels(), ValueLayout.JAVA_BYTE, 0, bytes.length);
      pass.plan().run();
      parts++;
    }
    return parts;
  }
}
