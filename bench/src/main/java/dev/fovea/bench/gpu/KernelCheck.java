package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Verb.Copy;
import dev.fovea.bench.gpu.Verb.Exact;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.cuda.Workbench;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.DoubleUnaryOperator;

/** One verb beside float64, in some rows of an image; and all images beside the first. */
final class KernelCheck {

  /** Rows that are computed in float64: some from all over, and one whose mean is far from zero. */
  private static final int SAMPLES = 12;

  /**
   * How far an element may be off, in units of the root mean square of what rounding cannot avoid.
   * Rounding moves a number by half a unit of its own size; of some millions of normally
   * distributed ones none is beyond 6 deviations, which is 15 times the root mean square. A wrong
   * element is some hundred times off, and more in f16.
   */
  private static final double WORST = 32;

  private final Verb verb;
  private final Map<Integer, double[]> exact = new ConcurrentSkipListMap<>();
  private final Exact reference;

  /**
   * Checks a verb.
   *
   * @param rounding what the 16 bits of the device keep of a number
   */
  KernelCheck(Verb verb, DoubleUnaryOperator rounding) {
    this.verb = verb;
    reference = verb.exact(rounding);
  }

  /** Runs the verb with the tile that the bench was told to use, and compares. */
  Map<String, Object> run(Workbench bench) {
    try (Recorder recorder = bench.device().record()) {
      Copy copy = verb.prepare(bench.device(), recorder, 0);
      copy.record();
      Tokens result = copy.result();
      HostBuffer buffer = recorder.read(result, Rows.all(result), Columns.all(result));
      try (Plan plan = recorder.build()) {
        copy.fillPixels();
        plan.run();
        return compare(result, buffer.host());
      }
    }
  }

  private Map<String, Object> compare(Tokens result, MemorySegment got) {
    computeExactRows(result.rows());
    double squares = 0;
    double errors = 0;
    double unavoidable = 0;
    double worst = 0;
    long count = 0;
    for (Map.Entry<Integer, double[]> entry : exact.entrySet()) {
      double[] row = entry.getValue();
      unavoidable += reference.unavoidable(entry.getKey(), row);
      count += row.length;
      for (int j = 0; j < row.length; j++) {
        long index = (long) entry.getKey() * row.length + j;
        double error = got.getAtIndex(ValueLayout.JAVA_FLOAT, index) - row[j];
        errors += error * error;
        squares += row[j] * row[j];
        worst = Double.isNaN(error) ? Double.NaN : Math.max(worst, Math.abs(error));
      }
    }
    double limit = verb.allowance() * Math.sqrt(unavoidable);
    double worstLimit = WORST * Math.sqrt(unavoidable / count);
    int unlike = imagesUnlikeTheFirst(got, result.images());
    boolean pass = Math.sqrt(errors) <= limit && worst <= worstLimit && unlike == 0;
    return Results.row(
        "relative_l2",
        Math.sqrt(errors / squares),
        "limit",
        limit / Math.sqrt(squares),
        "worst_element",
        worst,
        "worst_limit",
        worstLimit,
        "images_unlike_the_first",
        unlike,
        "pass",
        pass);
  }

  /** The same for all tiles, so once. */
  private void computeExactRows(int rows) {
    if (exact.isEmpty()) {
      TreeSet<Integer> sampled = new TreeSet<>();
      for (int i = 0; i < SAMPLES; i++) {
        sampled.add((int) ((long) i * (rows - 1) / (SAMPLES - 1)));
      }
      sampled.add(Math.min(NormLinearVerb.FIRST_FAR_ROW, rows - 1));
      sampled.parallelStream().forEach(row -> exact.put(row, reference.row(row)));
    }
  }

  private static int imagesUnlikeTheFirst(MemorySegment got, int images) {
    long bytes = got.byteSize() / images;
    int unlike = 0;
    for (int image = 1; image < images; image++) {
      if (MemorySegment.mismatch(got, 0, bytes, got, image * bytes, (image + 1) * bytes) >= 0) {
        unlike++;
      }
    }
    return unlike;
  }
}
