package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Every verb, and every tile of it, beside float64: of the kernels that are fastest, and of all.
 */
final class KernelsStage implements Stage {

  private static final List<String> KERNELS = List.of("auto", "ptx");

  @Override
  public String name() {
    return "kernels";
  }

  @Override
  public void run(Setting setting, Results results) {
    for (WeightStorage precision : Setting.PRECISIONS) {
      Set<String> done = new HashSet<>();
      for (String kernels : KERNELS) {
        try (Run run = new Run(setting, precision, kernels, results)) {
          if (done.add(run.bench.device().description())) {
            run.checkAll();
          }
        }
      }
    }
  }

  /** One precision on one kind of kernels. */
  private static final class Run implements AutoCloseable {

    private final Setting setting;
    private final WeightStorage precision;
    private final String kernels;
    private final Results results;
    private Workbench bench;

    Run(Setting setting, WeightStorage precision, String kernels, Results results) {
      this.setting = setting;
      this.precision = precision;
      this.kernels = kernels;
      this.results = results;
      bench = setting.gpu().workbench(precision, kernels);
    }

    void checkAll() {
      for (ModelSize model : setting.models()) {
        for (Batch batch : setting.scale().checked()) {
          for (Verb verb : Verbs.besideAttention(model, batch)) {
            check(model, batch, verb);
          }
          for (Verb verb : Verbs.ofFewRequests(model, batch)) {
            check(model, batch, verb);
          }
        }
        for (Batch batch : setting.scale().checkedAttention()) {
          check(model, batch, new AttentionVerb(model, batch));
          check(model, batch, new ProbabilitiesVerb(model, batch));
        }
      }
    }

    /** First with the tile that the device chooses, then with all others that it might have. */
    private void check(ModelSize model, Batch batch, Verb verb) {
      Map<String, Object> keys =
          Results.joined(
              Results.row("verb", verb.name()),
              Setting.subject(model, batch, precision),
              Results.row("kernels", kernels));
      if (!setting.late()) {
        Workbench first = bench;
        KernelCheck check = new KernelCheck(verb, number -> first.rounded((float) number));
        bench.useTile(null);
        add(keys, check, Results.row("chosen", true));
        String chosen = first.tile();
        for (String tile : first.tiles()) {
          if (!tile.equals(chosen)) {
            bench.useTile(tile);
            add(keys, check, Results.row());
          }
        }
      }
    }

    /** A kernel that goes wrong may take the device with it, so the next one gets another. */
    private void add(Map<String, Object> keys, KernelCheck check, Map<String, Object> more) {
      Map<String, Object> figures;
      Workbench used = bench;
      try {
        figures = check.run(bench);
      } catch (RuntimeException | Error e) {
        figures = Results.row("error", e.toString(), "pass", false);
        bench.close();
        bench = setting.gpu().workbench(precision, kernels);
      }
      results.add(Results.joined(keys, Results.row("tile", used.tile()), more, figures));
    }

    @Override
    public void close() {
      bench.close();
    }
  }
}
