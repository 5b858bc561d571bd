package dev.fovea.bench;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.ArtifactMetadata;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures a start: fresh Java virtual machines that open a model, embed one image and warm up.
 * Prints the medians.
 *
 * <p>Arguments: {@code [--model M] [--runs N] [-- JVM options]}. A synthetic model is written to a
 * temporary file first, so that it is read as any other; the file is in the page cache then.
 */
public final class Start {

  private Start() {}

  /** Measures, and prints one line for each figure. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    String model = "synthetic:small-reg4";
    int runs = 7;
    List<String> jvmOptions = List.of();
    for (int i = 0; i < arguments.length; i += 2) {
      if (arguments[i].equals("--")) {
        jvmOptions = Arrays.asList(arguments).subList(i + 1, arguments.length);
        break;
      }
      String value = i + 1 < arguments.length ? arguments[i + 1] : "";
      switch (arguments[i]) {
        case "--model" -> model = value;
        case "--runs" -> runs = Integer.parseInt(value);
        default -> {
          System.err.println("expected --model M, --runs N or -- JVM options, got " + arguments[i]);
          System.exit(2);
        }
      }
    }
    if (model.startsWith(SyntheticCheckpoint.SCHEME)) {
      Path file = Files.createTempFile("fovea-start", ".safetensors");
      try {
        write(model, file);
        measure(file.toString(), runs, jvmOptions);
      } finally {
        Files.delete(file);
      }
    } else {
      measure(model, runs, jvmOptions);
    }
  }

  private static void write(String model, Path file) {
    try (VitWeights weights = VitWeights.of(new SyntheticCheckpoint(model), null, null, null)) {
      ArtifactMetadata metadata =
          new ArtifactMetadata(weights.config(), weights.preprocessing(), model, "0".repeat(64));
      SafetensorsWriter.write(
          file,
          List.copyOf(weights.tensors().values()),
          metadata.toMap(),
          weights::read,
          ProgressListener.NONE);
    }
  }

  private static void measure(String model, int runs, List<String> jvmOptions)
      throws IOException, InterruptedException {
    Map<String, List<Double>> figures = new LinkedHashMap<>();
    for (int run = 0; run < runs; run++) {
      measure(model, jvmOptions, "first", figures);
      measure(model, jvmOptions, "warm", figures);
    }
    figures.forEach((name, values) -> System.out.printf("%-44s %8.1f%n", name, median(values)));
  }

  /** The middle one, or the mean of the two in the middle. */
  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  /** Runs one Java virtual machine, which prints lines of a name and a figure. */
  private static void measure(
      String model, List<String> jvmOptions, String kind, Map<String, List<Double>> figures)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.addAll(jvmOptions);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(Measured.class.getName(), model, kind));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
    long begin = System.nanoTime();
    Process process = builder.start();
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        double sinceStart = (System.nanoTime() - begin) / 1e6;
        int space = line.lastIndexOf(' ');
        if (!line.matches(".+ (now|[0-9.E-]+)")) {
          throw new IOException("the measured process printed: " + line);
        }
        String name = line.substring(0, space);
        String figure = line.substring(space + 1);
        double value = figure.equals("now") ? sinceStart : Double.parseDouble(figure);
        figures.computeIfAbsent(name, absent -> new ArrayList<>()).add(value);
      }
    }
    if (process.waitFor() != 0) {
      throw new IOException("the measured process failed: " + String.join(" ", command));
    }
  }

  /** What is measured. A figure "now" stands for the moment at which its line arrives. */
  static final class Measured {

    private Measured() {}

    /** Opens the model {@code arguments[0]}, and embeds at once or after a warm-up. */
    public static void main(String[] arguments) throws IOException {
      boolean warm = arguments[1].equals("warm");
      long begin = System.nanoTime();
      try (Fovea model = Fovea.open(arguments[0], Options.DEFAULT)) {
        Image image = Image.rgb(640, 480, new byte[3 * 640 * 480]);
        if (warm) {
          double cpu = cpuSeconds();
          long opened = System.nanoTime();
          model.warmUp();
          print("warmUp() after opening, ms", (System.nanoTime() - opened) / 1e6);
          print("warmUp() after opening, processor seconds", cpuSeconds() - cpu);
        } else {
          print("opening, ms", (System.nanoTime() - begin) / 1e6);
        }
        long before = System.nanoTime();
        model.embed(image);
        double first = (System.nanoTime() - before) / 1e6;
        if (!warm) {
          System.out.println("start to first embedding, ms now");
          print("start to first embedding, processor seconds", cpuSeconds());
          print("peak memory after it, MiB", peakMebibytes());
          return;
        }
        print("first embedding after warmUp(), ms", first);
        List<Double> later = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
          before = System.nanoTime();
          model.embed(image);
          later.add((System.nanoTime() - before) / 1e6);
        }
        print("a later embedding, ms", median(later));
      }
    }

    private static void print(String name, double value) {
      System.out.println(name + " " + value);
    }

    /** Of all threads of this process, the compiler's included; Linux counts in hundredths. */
    private static double cpuSeconds() throws IOException {
      String line = Files.readString(Path.of("/proc/self/stat"));
      String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ");
      return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }

    private static double peakMebibytes() throws IOException {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmHWM:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
        }
      }
      throw new IOException("/proc/self/status has no VmHWM");
    }
  }
}
