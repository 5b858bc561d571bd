package dev.fovea.cli;

import dev.fovea.Preprocessing;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What is said about the outliers of one model, as a table and as JSON.
 *
 * @param model as the user has named it
 * @param preprocessing of its images
 * @param rule that gave the cutoff
 * @param files of the images, in their order
 * @param outliers what was found
 */
record OutlierReport(
    String model,
    Preprocessing preprocessing,
    OutlierRule rule,
    List<Path> files,
    Outliers outliers) {

  /** Prints what people want to know. */
  void print(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%s: %d of %d patches are outliers (%.2f %%)%n",
        model,
        outliers.count(),
        outliers.patches(),
        100.0 * outliers.count() / outliers.patches());
    out.printf(
        "cutoff %s (%s) after block %d%n",
        text(outliers.cutoff()), OutlierOptions.text(rule), outliers.block());
    outliers.firstBlock().ifPresent(block -> out.printf("first seen after block %d%n", block));
    out.printf(
        "similarity to neighbours: outliers %s, others %s%n%n",
        Numbers.text(outliers.outlierSimilarity(), "%.3f"),
        Numbers.text(outliers.otherSimilarity(), "%.3f"));
    printImages(out);
    out.println();
    printBlocks(out);
    out.println();
  }

  private void printImages(PrintWriter out) {
    int width = files.stream().mapToInt(file -> file.toString().length()).max().orElse(0);
    String format = "%-" + Math.max(5, width) + "s %9s %8s %9s %9s %9s  %s%n";
    out.printf(format, "image", "outliers", "grid", "median", "largest", "CLS", "registers");
    for (int i = 0; i < files.size(); i++) {
      Outliers.OfImage image = outliers.images().get(i);
      TokenStatistics statistics = image.statistics();
      float[] patches = sorted(statistics.patches(outliers.block()));
      out.printf(
          format,
          files.get(i),
          image.outliers().size(),
          statistics.grid().rows() + "x" + statistics.grid().columns(),
          Numbers.oneDecimal(median(patches)),
          Numbers.oneDecimal(patches[patches.length - 1]),
          Numbers.oneDecimal(statistics.cls(outliers.block())),
          Numbers.oneDecimal(statistics.registers(outliers.block())));
    }
  }

  private void printBlocks(PrintWriter out) {
    String format = "%-5s %9s %9s %9s %9s %9s  %s%n";
    out.printf(
        format, "block", "above", "cutoff", "median", "largest", "mean CLS", "mean registers");
    for (int block = 0; block < outliers.cutoffs().size(); block++) {
      float[] norms = sorted(outliers.norms(block));
      OptionalDouble cutoff = outliers.cutoffs().get(block);
      float[] prefix = meanPrefix(block);
      out.printf(
          format,
          block,
          above(norms, cutoff),
          text(cutoff),
          Numbers.oneDecimal(median(norms)),
          Numbers.oneDecimal(norms[norms.length - 1]),
          Numbers.oneDecimal(prefix[0]),
          Numbers.oneDecimal(Arrays.copyOfRange(prefix, 1, prefix.length)));
    }
  }

  /** Norms of CLS and of each register after a block, on average over the images, [1 + R]. */
  private float[] meanPrefix(int block) {
    int registers = outliers.images().getFirst().statistics().registers();
    double[] sums = new double[1 + registers];
    float[] means = new float[sums.length];
    for (Outliers.OfImage image : outliers.images()) {
      for (int token = 0; token < sums.length; token++) {
        sums[token] += image.statistics().norms()[block][token];
        means[token] = (float) (sums[token] / outliers.images().size());
      }
    }
    return means;
  }

  /** The same for programs. */
  Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model", model);
    object.put("method", OutlierOptions.text(rule));
    object.put("block", outliers.block());
    object.put("cutoff", orNull(outliers.cutoff()));
    object.put("outliers", outliers.count());
    object.put("patches", outliers.patches());
    object.put(
        "first_block", outliers.firstBlock().isPresent() ? outliers.firstBlock().getAsInt() : null);
    object.put("outlier_similarity", orNull(outliers.outlierSimilarity()));
    object.put("other_similarity", orNull(outliers.otherSimilarity()));
    List<Object> images = new ArrayList<>();
    for (int i = 0; i < files.size(); i++) {
      images.add(json(files.get(i), outliers.images().get(i)));
    }
    object.put("images", images);
    return object;
  }

  private Map<String, Object> json(Path file, Outliers.OfImage image) {
    TokenStatistics statistics = image.statistics();
    int block = outliers.block();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("file", file.toString());
    object.put("grid", List.of(statistics.grid().rows(), statistics.grid().columns()));
    object.put("outlier_patches", image.patches());
    object.put(
        "first_blocks", image.outliers().stream().map(Outliers.Outlier::firstBlock).toList());
    object.put("cutoff", orNull(outliers.cutoff()));
    object.put("norms", statistics.patches(block));
    object.put("cls_norm", statistics.cls(block));
    object.put("register_norms", statistics.registers(block));
    object.put("neighbour_similarity", statistics.neighbourSimilarity());
    List<Object> blocks = new ArrayList<>();
    for (int i = 0; i < outliers.cutoffs().size(); i++) {
      blocks.add(json(statistics, i));
    }
    object.put("blocks", blocks);
    return object;
  }

  private Map<String, Object> json(TokenStatistics statistics, int block) {
    float[] norms = sorted(statistics.patches(block));
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("block", block);
    object.put("cutoff", orNull(outliers.cutoffs().get(block)));
    object.put("above", above(norms, outliers.cutoffs().get(block)));
    object.put("norms", statistics.patches(block));
    object.put("median_norm", median(norms));
    object.put("largest_norm", norms[norms.length - 1]);
    object.put("cls_norm", statistics.cls(block));
    object.put("register_norms", statistics.registers(block));
    return object;
  }

  private static float[] sorted(float[] values) {
    float[] copy = values.clone();
    Arrays.sort(copy);
    return copy;
  }

  private static double median(float[] sorted) {
    return new OutlierRule.Percentile(50).cutoff(sorted).orElseThrow();
  }

  private static long above(float[] norms, OptionalDouble cutoff) {
    long count = 0;
    for (float norm : norms) {
      count += cutoff.isPresent() && norm > cutoff.getAsDouble() ? 1 : 0;
    }
    return count;
  }

  private static Double orNull(OptionalDouble value) {
    return value.isPresent() ? value.getAsDouble() : null;
  }

  private static String text(OptionalDouble value) {
    return Numbers.text(value, "%.1f");
  }
}
