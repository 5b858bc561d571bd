package dev.fovea.bench.gpu;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** How fast networks, their kernels and a single request are. What matters most comes first. */
final class SpeedStage implements Stage {

  private static final String DEFAULT = "auto";

  /** Who may multiply. */
  private static final List<String> MULTIPLIERS = List.of("ptx", "cublas", "cublaslt");

  @Override
  public String name() {
    return "speed";
  }

  @Override
  public void run(Setting setting, Results results) {
    for (WeightStorage precision : Setting.PRECISIONS) {
      forwards(setting, precision, DEFAULT, List.of("cls", "tokens"), results);
      latencies(setting, precision, results);
    }
    for (WeightStorage precision : Setting.PRECISIONS) {
      verbs(setting, precision, results);
    }
    products(setting, "cublaslt", MatrixProducts::cublasLt, results);
    products(setting, "cublas", MatrixProducts::cublas, results);
    for (String multiplier : MULTIPLIERS) {
      forwards(setting, WeightStorage.F16, multiplier, List.of("cls"), results);
    }
  }

  private static void forwards(
      Setting setting,
      WeightStorage precision,
      String kernels,
      List<String> outputs,
      Results results) {
    for (ModelSize model : setting.models()) {
      if (setting.late()) {
        return;
      }
      try (Workbench bench = setting.gpu().workbench(precision, kernels)) {
        if (isTimed(results, bench, model, precision)) {
          continue; // "auto" has chosen this one.
        }
        ForwardTimer timer = new ForwardTimer(bench, model, precision, kernels, setting.scale());
        for (Batch batch : setting.scale().forwards()) {
          for (String output : outputs) {
            if (!setting.late()) {
              results.add(timer.time(batch, output));
            }
          }
        }
      } catch (RuntimeException | OutOfMemoryError e) {
        results.add(failure("forward", model, precision, kernels, e));
      }
    }
  }

  /** Libraries may be missing; our own kernels may not fail. */
  private static Map<String, Object> failure(
      String what, ModelSize model, WeightStorage precision, String kernels, Throwable failure) {
    return Results.row(
        "engine",
        "fovea",
        "what",
        what,
        "model",
        model.name(),
        "precision",
        Setting.precision(precision),
        "multiplier",
        kernels,
        "error",
        failure.toString(),
        "pass",
        kernels.startsWith("cublas") ? null : false);
  }

  private static boolean isTimed(
      Results results, Workbench bench, ModelSize model, WeightStorage precision) {
    return results.rows().stream()
        .anyMatch(
            row ->
                bench.device().description().equals(row.get("on"))
                    && model.name().equals(row.get("model"))
                    && Setting.precision(precision).equals(row.get("precision")));
  }

  /** From the bytes of one image to its embedding, as a caller sees it. */
  private static void latencies(Setting setting, WeightStorage precision, Results results) {
    int pixels = setting.scale().parity().getFirst();
    Image image = ModelsStage.image("first", pixels);
    for (ModelSize model : setting.models()) {
      if (setting.late()) {
        return;
      }
      try (Fovea fovea = ModelsStage.open(model, setting.gpu().device(), precision, DEFAULT);
          Arena arena = Arena.ofConfined()) {
        MemorySegment target = arena.allocate((long) Float.BYTES * fovea.embeddingLength());
        double[] milliseconds = new double[setting.scale().most()];
        for (int i = -milliseconds.length / 2; i < milliseconds.length; i++) {
          long begin = System.nanoTime();
          fovea.embed(image, target);
          if (i >= 0) {
            milliseconds[i] = (System.nanoTime() - begin) / 1e6;
          }
        }
        Times times = Times.of(milliseconds);
        Map<String, Object> row =
            Results.joined(
                Results.row("engine", "fovea", "what", "latency"),
                Setting.subject(model, new Batch(pixels, 1), precision),
                Results.row("output", "cls"));
        times.addTo(row);
        row.put("p99_milliseconds", times.quantile(0.99));
        results.add(row);
      } catch (RuntimeException | OutOfMemoryError e) {
        results.add(failure("latency", model, precision, DEFAULT, e));
      }
    }
  }

  private static void verbs(Setting setting, WeightStorage precision, Results results) {
    for (ModelSize model : setting.models()) {
      if (setting.late()) {
        return;
      }
      try (Workbench bench = setting.gpu().workbench(precision, DEFAULT)) {
        List<Map.Entry<Batch, Verb>> todo = new ArrayList<>();
        for (Batch batch : setting.scale().timedAttention()) {
          todo.add(Map.entry(batch, new AttentionVerb(model, batch)));
        }
        for (Batch batch : setting.scale().timed()) {
          Verbs.besideAttention(model, batch).forEach(verb -> todo.add(Map.entry(batch, verb)));
        }
        for (Map.Entry<Batch, Verb> each : todo) {
          if (!setting.late()) {
            results.add(time(setting, bench, precision, model, each.getKey(), each.getValue()));
          }
        }
      } catch (RuntimeException | OutOfMemoryError e) {
        results.add(failure("kernel", model, precision, DEFAULT, e));
      }
    }
  }

  private static Map<String, Object> time(
      Setting setting,
      Workbench bench,
      WeightStorage precision,
      ModelSize model,
      Batch batch,
      Verb verb) {
    Scale scale = setting.scale();
    Times times = VerbTimer.time(bench, verb, scale, scale.rowSeconds());
    boolean matrixProduct = verb.keys().containsKey("product");
    String what =
        matrixProduct ? "product" : verb.name().equals("attention") ? verb.name() : "kernel";
    Map<String, Object> row =
        Results.joined(
            Results.row("engine", "fovea", "what", what, "verb", verb.name()),
            Setting.subject(model, batch, precision),
            verb.keys(),
            Results.row("tile", verb.isProduct() ? bench.tile() : null));
    times.addTo(row);
    row.putAll(VerbTimer.rates(times, verb.operations(), verb.bytes()));
    return row;
  }

  /** Products alone, without what our verbs do around them, by a library. */
  private static void products(
      Setting setting,
      String engine,
      Function<CudaDriver, MatrixProducts> opening,
      Results results) {
    if (setting.late()) {
      return;
    }
    try (CudaDriver driver = setting.gpu().opening().get();
        LibraryTimer timer = new LibraryTimer(driver, opening.apply(driver))) {
      for (WeightStorage precision : Setting.PRECISIONS) {
        for (ModelSize model : setting.models()) {
          for (Batch batch : setting.scale().timed()) {
            for (ModelSize.Product product : model.products()) {
              if (!setting.late()) {
                results.add(time(setting, engine, timer, precision, model, batch, product));
              }
            }
          }
        }
      }
    } catch (CudaException | IllegalArgumentException e) {
      results.add(Results.row("engine", engine, "what", "product", "error", e.getMessage()));
    }
  }

  private static Map<String, Object> time(
      Setting setting,
      String engine,
      LibraryTimer timer,
      WeightStorage precision,
      ModelSize model,
      Batch batch,
      ModelSize.Product product) {
    int rows = batch.rows();
    Times times = timer.time(rows, product.columns(), product.depth(), precision, setting.scale());
    Map<String, Object> row =
        Results.joined(
            Results.row("engine", engine, "what", "product"),
            Setting.subject(model, batch, precision),
            NormLinearVerb.keys(product, rows),
            Results.row("on", timer.description()));
    row.remove("activation");
    times.addTo(row);
    long operations = 2L * rows * product.columns() * product.depth();
    row.put("teraflops", operations / times.median() / 1e9);
    return row;
  }
}
