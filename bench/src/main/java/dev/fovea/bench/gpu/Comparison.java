package dev.fovea.bench.gpu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.function.Predicate;

/**
 * {@code ./bench/run gpu-table}: our rows over PyTorch's, at equal keys, and the targets beside.
 *
 * <p>A forward pass is held against torch.compile with CUDA graphs, whichever of its inputs is
 * faster, an attention against the fastest back end, and a product against cuBLASLt, whose rows are
 * among ours; where one of them is missing, against what there is of PyTorch.
 */
public final class Comparison {

  /** What has to be equal, as far as a row has it. */
  private static final List<String> KEYS =
      List.of("what", "model", "pixels", "batch", "precision", "output", "product");

  private static final List<String> COMPARED = List.of("forward", "attention", "product");

  private Comparison() {}

  /** Prints the table of two files. */
  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      System.err.println("Usage: gpu-table OURS.json THEIRS.json");
      System.exit(2);
    }
    System.out.print(
        Tables.markdown(
            compare(Results.read(Path.of(arguments[0])), Results.read(Path.of(arguments[1])))));
  }

  /** A row for every one of ours that has something to be held against. */
  static List<Map<String, Object>> compare(
      List<Map<String, Object>> ours, List<Map<String, Object>> theirs) {
    List<Map<String, Object>> table = new ArrayList<>();
    for (Map<String, Object> own : ours) {
      Object multiplier = own.get("multiplier");
      if ("fovea".equals(own.get("engine"))
          && COMPARED.contains(own.get("what"))
          && own.get("milliseconds") instanceof Number milliseconds
          && (multiplier == null || multiplier.equals("auto"))) {
        add(table, own, milliseconds.doubleValue(), ours, theirs);
      }
    }
    return table;
  }

  private static void add(
      List<Map<String, Object>> table,
      Map<String, Object> own,
      double milliseconds,
      List<Map<String, Object>> ours,
      List<Map<String, Object>> theirs) {
    OptionalDouble compiled = fastest(theirs, own, row -> isBy(row, "torch-compile"));
    OptionalDouble eager = fastest(theirs, own, row -> isBy(row, "torch-eager"));
    OptionalDouble library = fastest(ours, own, row -> isBy(row, "cublaslt"));
    OptionalDouble opponent =
        library.isPresent() ? library : compiled.isPresent() ? compiled : eager;
    if (opponent.isEmpty()) {
      return;
    }
    double ratio = opponent.getAsDouble() / milliseconds;
    Double target = target(own);
    Map<String, Object> row = Results.row();
    for (String key : KEYS) {
      row.put(key, own.get(key));
    }
    row.put("fovea ms", milliseconds);
    row.put("torch.compile ms", boxed(compiled));
    row.put("torch eager ms", boxed(eager));
    row.put("cuBLASLt ms", boxed(library));
    row.put("ratio", ratio);
    row.put("target", target);
    row.put("reached", target == null ? null : ratio >= target ? "yes" : "NO");
    table.add(row);
  }

  private static boolean isBy(Map<String, Object> row, String engine) {
    return engine.equals(row.get("engine"));
  }

  private static OptionalDouble fastest(
      List<Map<String, Object>> rows,
      Map<String, Object> own,
      Predicate<Map<String, Object>> wanted) {
    return rows.stream()
        .filter(wanted)
        .filter(row -> KEYS.stream().allMatch(key -> Objects.equals(row.get(key), own.get(key))))
        .map(row -> row.get("milliseconds"))
        .filter(Number.class::isInstance)
        .mapToDouble(value -> ((Number) value).doubleValue())
        .min();
  }

  private static Double boxed(OptionalDouble number) {
    return number.isPresent() ? number.getAsDouble() : null;
  }

  /** How many times as fast as the opponent we want to be; null where we have not said. */
  private static Double target(Map<String, Object> own) {
    long batch = ((Number) own.get("batch")).longValue();
    long pixels = ((Number) own.get("pixels")).longValue();
    boolean small = pixels == 224 && batch == 1;
    boolean large = pixels == 224 && batch >= 64;
    return switch ((String) own.get("what")) {
      case "attention" -> pixels == 224 ? Double.valueOf(1.3) : null;
      case "product" -> large ? Double.valueOf(0.85) : null;
      default ->
          switch ((String) own.get("model")) {
            case "small" -> small ? Double.valueOf(1.5) : large ? Double.valueOf(1.2) : null;
            case "base" -> small ? Double.valueOf(1.5) : large ? Double.valueOf(1.1) : null;
            case "large" -> small ? Double.valueOf(1.3) : large ? Double.valueOf(1.0) : null;
            default -> large ? Double.valueOf(1.0) : null;
          };
    };
  }
}
