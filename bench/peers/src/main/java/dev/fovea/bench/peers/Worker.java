package dev.fovea.bench.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;

/**
 * One engine in a process of its own, doing what a service does: it loads the model, embeds, and
 * goes on embedding. On stdout: {@link #FIRST} at the moment the first result is there, and a
 * {@link Report} as JSON at the end.
 */
final class Worker {

  /** The line that says that the first result is there. */
  static final String FIRST = "first";

  private static final int LEAST_WARM_UP_RUNS = 5;

  /**
   * What a worker says about itself.
   *
   * @param version of its engine
   * @param milliseconds of every measured forward pass
   * @param peakKib the most resident memory that the process has had, in KiB
   */
  record Report(String version, double[] milliseconds, long peakKib) {}

  private Worker() {}

  /** Does a job; see {@link Job#arguments}. */
  public static void main(String[] arguments) throws IOException {
    Job job = Job.parse(arguments);
    try (Runner runner = open(job)) {
      runner.run();
      System.out.println(FIRST);
      System.out.flush();
      repeat(runner, job.measurement().warmUpSeconds(), LEAST_WARM_UP_RUNS);
      double[] times = repeat(runner, job.measurement().seconds(), job.measurement().runs());
      long peak = peakKib();
      write(runner.result(), job.result());
      Report report = new Report(runner.version(), times, peak);
      System.out.println(JsonMapper.shared().writeValueAsString(report));
    }
  }

  private static Runner open(Job job) {
    return switch (job.engine()) {
      case FOVEA -> new FoveaRunner(job.model(), job.task(), job.threads());
      case ONNXRUNTIME -> new OnnxRuntimeRunner(job.model(), job.task(), job.threads());
      case LIBTORCH -> new LibTorchRunner(job.model(), job.task());
    };
  }

  private static double[] repeat(Runner runner, double seconds, int runs) {
    List<Double> times = new ArrayList<>();
    long start = System.nanoTime();
    long end = start;
    while (times.size() < runs || end - start < seconds * 1e9) {
      long begin = System.nanoTime();
      runner.run();
      end = System.nanoTime();
      times.add((end - begin) / 1e6);
    }
    return times.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static long peakKib() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new IOException("/proc/self/status does not say VmHWM, the peak of resident memory");
  }

  private static void write(float[] values, Path file) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    Files.write(file, bytes.array());
  }

  /** The output that a worker has written. */
  static float[] read(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    float[] values = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }
}
