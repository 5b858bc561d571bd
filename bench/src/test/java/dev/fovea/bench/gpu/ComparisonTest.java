package dev.fovea.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Our rows over PyTorch's. */
class ComparisonTest {

  private static Map<String, Object> forward(
      String engine, String model, long batch, double milliseconds) {
    return Map.of(
        "engine",
        engine,
        "what",
        "forward",
        "model",
        model,
        "pixels",
        224L,
        "batch",
        batch,
        "precision",
        "f16",
        "output",
        "cls",
        "milliseconds",
        milliseconds);
  }

  private static Map<String, Object> product(String engine, double milliseconds) {
    return Map.of(
        "engine",
        engine,
        "what",
        "product",
        "model",
        "base",
        "pixels",
        224L,
        "batch",
        64L,
        "precision",
        "f16",
        "product",
        "qkv",
        "milliseconds",
        milliseconds);
  }

  @Test
  void forwardPassesAreHeldAgainstTheFasterOfWhatWasCompiled() {
    List<Map<String, Object>> table =
        Comparison.compare(
            List.of(forward("fovea", "small", 1, 0.2)),
            List.of(
                forward("torch-compile", "small", 1, 0.5),
                forward("torch-compile", "small", 1, 0.4),
                forward("torch-eager", "small", 1, 0.3),
                forward("torch-compile", "base", 1, 0.1),
                forward("torch-compile", "small", 8, 0.1)));
    assertThat(table)
        .singleElement()
        .satisfies(
            row ->
                assertThat(row)
                    .containsEntry("torch.compile ms", 0.4)
                    .containsEntry("torch eager ms", 0.3)
                    .containsEntry("ratio", 2.0)
                    .containsEntry("target", 1.5)
                    .containsEntry("reached", "yes"));
  }

  @Test
  void aTargetThatIsMissedIsSaidSo() {
    List<Map<String, Object>> table =
        Comparison.compare(
            List.of(forward("fovea", "giant", 256, 2)),
            List.of(forward("torch-compile", "giant", 256, 1.9)));
    assertThat(table)
        .singleElement()
        .satisfies(row -> assertThat(row).containsEntry("reached", "NO"));
  }

  @Test
  void productsAreHeldAgainstCublasLt() {
    List<Map<String, Object>> table =
        Comparison.compare(
            List.of(product("fovea", 1), product("cublaslt", 0.9)),
            List.of(product("torch-eager", 0.5)));
    assertThat(table)
        .singleElement()
        .satisfies(
            row ->
                assertThat(row)
                    .containsEntry("ratio", 0.9)
                    .containsEntry("target", 0.85)
                    .containsEntry("reached", "yes"));
  }

  /** Other multipliers than the default one, errors, and sizes that only one side has. */
  @Test
  void whatCannotBeComparedIsLeftOut() {
    Map<String, Object> other =
        Map.of(
            "engine",
            "fovea",
            "what",
            "forward",
            "model",
            "small",
            "pixels",
            224L,
            "batch",
            1L,
            "precision",
            "f16",
            "output",
            "cls",
            "multiplier",
            "cublas",
            "milliseconds",
            1.0);
    Map<String, Object> failed =
        Map.of(
            "engine",
            "fovea",
            "what",
            "forward",
            "model",
            "small",
            "pixels",
            224L,
            "batch",
            1L,
            "precision",
            "f16",
            "output",
            "cls",
            "error",
            "out of memory");
    assertThat(
            Comparison.compare(
                List.of(other, failed, forward("fovea", "large", 1, 1)),
                List.of(forward("torch-compile", "small", 1, 1))))
        .isEmpty();
  }
}
