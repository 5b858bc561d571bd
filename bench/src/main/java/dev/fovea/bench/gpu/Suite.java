package dev.fovea.bench.gpu;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code ./bench/run gpu}: looks at a GPU, checks its kernels, and measures them. Its status is 0,
 * also where there is no GPU; 1 if there is one that cannot be opened, if something that must hold
 * did not, or a stage broke off; 2 if it was called wrongly.
 */
public final class Suite {

  private static final List<Stage> STAGES =
      List.of(
          new FactsStage(),
          new CeilingsStage(),
          new KernelsStage(),
          new ModelsStage(),
          new DeterminismStage(),
          new SpeedStage(),
          new TilesStage());

  private static final int SHOWN_FAILURES = 20;

  /** What is printed of the rows of speed. */
  private static final List<String> SPEED_KEYS =
      List.of(
          "what",
          "model",
          "pixels",
          "batch",
          "precision",
          "output",
          "multiplier",
          "milliseconds",
          "with_copies_milliseconds",
          "p99_milliseconds",
          "images_per_second",
          "error");

  private static final String USAGE =
      """
      Usage: gpu --out DIR [--only STAGES] [--models MODELS] [--budget SECONDS]
        --out DIR         gets one JSON file for every stage, and all of them as tables in gpu.md
        --only STAGES     some of facts,ceilings,kernels,models,determinism,speed,tiles
        --models MODELS   some of small,base,large,giant
        --budget SECONDS  nothing new is begun after so many
      """;

  private final Gpu gpu;
  private final Scale scale;
  private final List<ModelSize> published;
  private final PrintStream out;

  /**
   * A suite.
   *
   * @param published the models where none are asked for
   */
  Suite(Gpu gpu, Scale scale, List<ModelSize> published, PrintStream out) {
    this.gpu = gpu;
    this.scale = scale;
    this.published = published;
    this.out = out;
  }

  /** What the arguments ask for. */
  private record Request(Path folder, List<Stage> stages, List<ModelSize> models, double budget) {}

  /** Runs the suite on the GPU of this machine. */
  public static void main(String[] arguments) throws IOException {
    Suite suite = new Suite(Gpu.INSTALLED, Scale.FULL, ModelSize.PUBLISHED, System.out);
    System.exit(suite.run(arguments));
  }

  /** Returns the status. */
  int run(String... arguments) throws IOException {
    Request request;
    try {
      request = parse(arguments);
    } catch (IllegalArgumentException e) {
      out.println(e.getMessage());
      out.print(USAGE);
      return 2;
    }
    Files.createDirectories(request.folder());
    try {
      Optional<String> absence = gpu.absence();
      absence.ifPresent(reason -> tellAbsence(reason, request.folder()));
      return absence.isPresent() ? 0 : run(request);
    } catch (CudaException e) {
      out.println("FAILED opening the GPU: " + e.getMessage());
      return 1;
    }
  }

  private void tellAbsence(String reason, Path folder) {
    Map<String, Object> row = FactsStage.host(gpu);
    row.put("no_device", reason);
    new Results(folder.resolve("facts.json")).add(row);
    out.println("no device: " + reason);
    out.println("Nothing was measured; run this where there is an NVIDIA GPU and its driver.");
  }

  private int run(Request request) {
    long deadline = System.nanoTime() + (long) (1e9 * Math.min(request.budget(), 1e9));
    Setting setting = new Setting(gpu, request.models(), scale, request.folder(), deadline);
    Map<Stage, Results> all = new LinkedHashMap<>();
    List<String> failures = new ArrayList<>();
    for (Stage stage : request.stages()) {
      if (setting.late()) {
        out.println(stage.name() + ": not begun, the time is over");
        continue;
      }
      Results results = new Results(file(request.folder(), stage));
      all.put(stage, results);
      long begin = System.nanoTime();
      try {
        stage.run(setting, results);
      } catch (RuntimeException | Error e) {
        failures.add(stage.name() + " broke off: " + e);
        e.printStackTrace(out);
      }
      results.failures().forEach(row -> failures.add(stage.name() + ": " + row));
      out.printf(
          "%s: %d rows, %d failures, %.1f s%s%n",
          stage.name(),
          results.rows().size(),
          results.failures().size(),
          (System.nanoTime() - begin) / 1e9,
          setting.late() ? "; the time is over" : "");
    }
    Results.write(request.folder().resolve("gpu.md"), markdown(request.folder()));
    printSummary(all);
    failures.stream().limit(SHOWN_FAILURES).forEach(failure -> out.println("FAILED " + failure));
    if (failures.size() > SHOWN_FAILURES) {
      out.printf(
          "FAILED, %d more: \"pass\":false in the files%n", failures.size() - SHOWN_FAILURES);
    }
    return failures.isEmpty() ? 0 : 1;
  }

  /** All stages whose files are there, also those of earlier runs. */
  private static String markdown(Path folder) {
    StringBuilder text = new StringBuilder();
    for (Stage stage : STAGES) {
      List<Map<String, Object>> rows = Results.read(file(folder, stage));
      if (!rows.isEmpty()) {
        text.append("## ").append(stage.name()).append("\n\n");
        text.append(Tables.markdown(rows)).append('\n');
      }
    }
    return text.toString();
  }

  private static Path file(Path folder, Stage stage) {
    return folder.resolve(stage.name() + ".json");
  }

  /** What a reader wants to see first; kernels and tiles are in the file. */
  private void printSummary(Map<Stage, Results> all) {
    List<String> shown = List.of("facts", "ceilings", "models", "determinism");
    all.forEach(
        (stage, results) -> {
          List<Map<String, Object>> rows = results.rows();
          if (stage.name().equals("speed")) {
            rows =
                rows.stream()
                    .filter(row -> List.of("forward", "latency").contains(row.get("what")))
                    .map(Suite::shortened)
                    .toList();
          } else if (!shown.contains(stage.name())) {
            return;
          }
          out.println();
          out.print(Tables.markdown(rows));
        });
  }

  private static Map<String, Object> shortened(Map<String, Object> row) {
    Map<String, Object> part = new LinkedHashMap<>();
    SPEED_KEYS.stream().filter(row::containsKey).forEach(key -> part.put(key, row.get(key)));
    return part;
  }

  private Request parse(String[] arguments) {
    Path folder = null;
    List<Stage> stages = STAGES;
    List<ModelSize> models = published;
    double budget = Double.POSITIVE_INFINITY;
    for (int i = 0; i < arguments.length; i += 2) {
      if (i + 1 == arguments.length) {
        throw new IllegalArgumentException("expected a value behind " + arguments[i]);
      }
      String value = arguments[i + 1];
      switch (arguments[i]) {
        case "--out" -> folder = Path.of(value);
        case "--only" -> stages = Arrays.stream(value.split(",")).map(Suite::stage).toList();
        case "--models" -> models = Arrays.stream(value.split(",")).map(this::model).toList();
        case "--budget" -> budget = Double.parseDouble(value);
        default -> throw new IllegalArgumentException("unknown argument " + arguments[i]);
      }
    }
    if (folder == null) {
      throw new IllegalArgumentException("expected --out DIR");
    }
    return new Request(folder, stages, models, budget);
  }

  private static Stage stage(String name) {
    return STAGES.stream()
        .filter(stage -> stage.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no stage '" + name + "'"));
  }

  private ModelSize model(String name) {
    return published.stream()
        .filter(model -> model.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no model '" + name + "'"));
  }
}
