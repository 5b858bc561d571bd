package dev.fovea.bench.peers;

import dev.fovea.bench.peers.TorchScriptNetwork.Linears;
import dev.fovea.bench.peers.WorkerProcess.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The run: for every configuration, rounds in which each engine works once, in turn, each in a
 * process of its own.
 */
final class Comparison {

  /** Float32 on other kernels differs by some 1e-5; more than this is another network. */
  private static final double LARGEST_DIFFERENCE = 1e-3;

  private static final int FEW_RUNS = 8;
  private static final int MANY_RUNS = 20;
  private static final Measurement TRIAL = new Measurement(0.5, 1, 5);

  /**
   * What to compare.
   *
   * @param models as {@link ModelFiles#open} takes them
   * @param onnx the graph of ONNX Runtime
   * @param pixels sides of images
   * @param batches images in one call
   * @param rounds how often each engine works on each configuration
   * @param warmUpSeconds of each process
   * @param seconds that each process measures
   */
  record Plan(
      List<String> models,
      OnnxForm onnx,
      List<Integer> threads,
      List<Integer> pixels,
      List<Integer> batches,
      int rounds,
      double warmUpSeconds,
      double seconds) {

    private List<Task> tasks() {
      List<Task> tasks = new ArrayList<>();
      for (int side : pixels) {
        for (int batch : batches) {
          for (Output output : Output.values()) {
            tasks.add(new Task(side, batch, output));
          }
        }
      }
      return tasks;
    }

    private Measurement measurement(Task task) {
      boolean small = task.batch() == 1 && task.pixels() <= 224;
      return new Measurement(warmUpSeconds, seconds, small ? MANY_RUNS : FEW_RUNS);
    }
  }

  private final Plan plan;
  private final Path folder;
  private final WorkerProcess workers;
  private final ModelFiles files;
  private final Consumer<String> progress;
  private final Map<String, String> versions = new TreeMap<>();
  private Linears linears;

  /**
   * Prepares a run.
   *
   * @param folder an empty one, for models, libraries and outputs: for ViT-B 2 GB
   * @param progress is told what is going on, line by line
   */
  Comparison(Plan plan, Path folder, Consumer<String> progress) {
    this.plan = plan;
    this.folder = folder;
    this.workers = new WorkerProcess(folder);
    this.files = new ModelFiles(folder);
    this.progress = progress;
  }

  /**
   * Runs it.
   *
   * @throws PeersException if a worker fails, or engines disagree
   */
  List<Row> run() throws IOException {
    OnnxRuntimeRunner.extractLibraries(folder);
    List<Row> rows = new ArrayList<>();
    for (String model : plan.models()) {
      Path artifact = files.artifact(model);
      for (Task task : plan.tasks()) {
        progress.accept("%s, %s: writing the models".formatted(model, task.label()));
        Map<Engine, Path> models = models(artifact, task);
        for (int threads : plan.threads()) {
          rows.addAll(rows(model, models, task, threads));
        }
      }
    }
    return rows;
  }

  /** The versions of the engines that have run, and what was chosen for them. */
  Map<String, String> versions() {
    return versions;
  }

  private Map<Engine, Path> models(Path artifact, Task task) throws IOException {
    Map<Engine, Path> models = new EnumMap<>(Engine.class);
    try (ExportedWeights weights = new ExportedWeights(artifact, task.pixels())) {
      if (linears == null) {
        linears = fasterLinears(weights, task);
      }
      models.put(Engine.FOVEA, artifact);
      models.put(Engine.ONNXRUNTIME, files.onnx(weights, task, plan.onnx()));
      models.put(Engine.LIBTORCH, files.torchScript(weights, task, linears));
    }
    return models;
  }

  /** Which linear layers suit LibTorch here is a matter of the processor, so it is tried once. */
  private Linears fasterLinears(ExportedWeights weights, Task task) throws IOException {
    Linears best = null;
    double least = Double.POSITIVE_INFINITY;
    StringBuilder trial = new StringBuilder();
    for (Linears candidate : Linears.values()) {
      Path archive = files.torchScript(weights, task, candidate);
      Job job = job(Engine.LIBTORCH, archive, task, plan.threads().getFirst(), TRIAL);
      double fastest = fastest(workers.run(job));
      trial.append("%s %.1f ms, ".formatted(candidate, fastest));
      if (fastest < least) {
        least = fastest;
        best = candidate;
      }
      Files.delete(archive);
    }
    String choice = "linear layers: " + trial + "so " + best;
    progress.accept("LibTorch, " + choice);
    versions.put(Engine.LIBTORCH.id() + " linears", choice);
    return best;
  }

  private Job job(Engine engine, Path model, Task task, int threads, Measurement measurement) {
    return new Job(engine, model, task, threads, measurement, folder.resolve("output"));
  }

  private List<Row> rows(String model, Map<Engine, Path> models, Task task, int threads)
      throws IOException {
    Map<Engine, List<Outcome>> outcomes = new EnumMap<>(Engine.class);
    for (int round = 1; round <= plan.rounds(); round++) {
      for (Engine engine : Engine.values()) {
        Job job = job(engine, models.get(engine), task, threads, plan.measurement(task));
        Outcome outcome = workers.run(job);
        outcomes.computeIfAbsent(engine, key -> new ArrayList<>()).add(outcome);
        versions.put(engine.id(), outcome.report().version());
        progress.accept(
            "%s, %s, threads %d, round %d of %d: %s %.1f ms"
                .formatted(
                    model,
                    task.label(),
                    threads,
                    round,
                    plan.rounds(),
                    engine.title(),
                    fastest(outcome)));
      }
    }
    float[] reference = outcomes.get(Engine.FOVEA).getFirst().output();
    List<Row> rows = new ArrayList<>();
    for (Engine engine : Engine.values()) {
      rows.add(checked(Row.of(engine, model, task, threads, outcomes.get(engine), reference)));
    }
    return rows;
  }

  private static double fastest(Outcome outcome) {
    double fastest = Double.POSITIVE_INFINITY;
    for (double time : outcome.report().milliseconds()) {
      fastest = Math.min(fastest, time);
    }
    return fastest;
  }

  private static Row checked(Row row) {
    if (!(row.maxDifference() <= LARGEST_DIFFERENCE)) {
      throw new PeersException(
          "%s's output differs from Fovea's by up to %s where at most %s is expected: they do not run the same network"
              .formatted(row.engine().title(), row.maxDifference(), LARGEST_DIFFERENCE));
    }
    return row;
  }
}
