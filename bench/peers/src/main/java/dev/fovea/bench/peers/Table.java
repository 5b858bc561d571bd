package dev.fovea.bench.peers;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** The results as Markdown. */
final class Table {

  private Table() {}

  /** A line a configuration: times, then start-up and memory. */
  static String markdown(List<Row> rows, OnnxForm form) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "| model | pixels | batch | output | threads | Fovea | %s | LibTorch | ratio | Fovea p99 / median |"
            .formatted(form.title()));
    lines.add("|---|---|---|---|---|---|---|---|---|---|");
    for (Row ours : of(Engine.FOVEA, rows)) {
      lines.add(
          line(
              ours,
              String.format(Locale.ROOT, "%.1f ms", ours.medianMs()),
              String.format(
                  Locale.ROOT, "%.1f ms", peer(ours, Engine.ONNXRUNTIME, rows).medianMs()),
              String.format(Locale.ROOT, "%.1f ms", peer(ours, Engine.LIBTORCH, rows).medianMs()),
              String.format(Locale.ROOT, "%.2fx", ratio(ours, rows)),
              String.format(Locale.ROOT, "%.2f", ours.p99Ms() / ours.medianMs())));
    }
    lines.add("");
    lines.add("Medians; the ratio is the faster peer's median to Fovea's.");
    lines.add("");
    lines.add(
        "| model | pixels | batch | output | threads | first result: Fovea | %s |"
                .formatted(form.title())
            + " LibTorch | peak memory: Fovea | ONNX Runtime | LibTorch | largest difference |");
    lines.add("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (Row ours : of(Engine.FOVEA, rows)) {
      Row onnx = peer(ours, Engine.ONNXRUNTIME, rows);
      Row torch = peer(ours, Engine.LIBTORCH, rows);
      lines.add(
          line(
              ours,
              seconds(ours),
              seconds(onnx),
              seconds(torch),
              mebibytes(ours),
              mebibytes(onnx),
              mebibytes(torch),
              String.format(
                  Locale.ROOT, "%.1e", Math.max(onnx.maxDifference(), torch.maxDifference()))));
    }
    lines.add("");
    lines.add(
        "From the start of the process to its first result, and the most resident memory it ever"
            + " had.");
    return String.join("\n", lines) + "\n";
  }

  private static String line(Row row, String... cells) {
    return String.format(
        Locale.ROOT,
        "| %s | %d | %d | %s | %d | %s |",
        row.model(),
        row.pixels(),
        row.batch(),
        row.output().id(),
        row.threads(),
        String.join(" | ", cells));
  }

  private static String seconds(Row row) {
    return String.format(Locale.ROOT, "%.2f s", row.firstEmbeddingMs() / 1000);
  }

  private static String mebibytes(Row row) {
    return String.format(Locale.ROOT, "%.0f MiB", row.peakMib());
  }

  private static List<Row> of(Engine engine, List<Row> rows) {
    return rows.stream().filter(row -> row.engine() == engine).toList();
  }

  private static Row peer(Row ours, Engine engine, List<Row> rows) {
    return rows.stream()
        .filter(row -> row.engine() == engine && row.comparable(ours))
        .findFirst()
        .orElseThrow();
  }

  /** How many times as fast as the faster peer. */
  static double ratio(Row ours, List<Row> rows) {
    return rows.stream()
            .filter(row -> row.engine() != Engine.FOVEA && row.comparable(ours))
            .min(Comparator.comparingDouble(Row::medianMs))
            .orElseThrow()
            .medianMs()
        / ours.medianMs();
  }
}
