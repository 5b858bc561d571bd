package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ResultFilesTest {

  @TempDir private Path folder;

  @Test
  void rowsAreAPlainArrayWithTheHostBesideIt() throws IOException {
    Path file = folder.resolve("peers.json");
    ResultFiles.writeJson(file, Rows.two(), host());
    JsonNode rows = JsonMapper.shared().readTree(Files.readString(file));
    assertThat(rows.isArray()).isTrue();
    assertThat(rows.size()).isEqualTo(6);
    assertThat(rows.get(1).propertyNames())
        .containsExactlyInAnyOrder(
            "engine",
            "model",
            "pixels",
            "threads",
            "batch",
            "output",
            "min_ms",
            "median_ms",
            "p99_ms",
            "images_per_second",
            "first_embedding_ms",
            "peak_mib",
            "max_difference");
    assertThat(rows.get(0).get("engine").asString()).isEqualTo("fovea");
    assertThat(rows.get(1).get("engine").asString()).isEqualTo("onnxruntime");
    assertThat(rows.get(2).get("engine").asString()).isEqualTo("libtorch");
    assertThat(rows.get(2).get("output").asString()).isEqualTo("cls");
    JsonNode host =
        JsonMapper.shared().readTree(Files.readString(folder.resolve("peers.host.json")));
    assertThat(host.get("processors").asInt()).isPositive();
    assertThat(host.get("memory_mib").asLong()).isPositive();
    assertThat(host.get("onnx").asString()).isEqualTo("fused");
    assertThat(host.get("jvm_flags").get(0).asString()).startsWith("-XX:");
    assertThat(host.get("engines").get("fovea").asString()).isEqualTo("9");
  }

  @Test
  void aRunLeavesJsonTableAndPlot() throws IOException {
    Path results = folder.resolve("results");
    ResultFiles.writeAll(results, "peers-2026-01-01", Rows.two(), host());
    try (Stream<Path> files = Files.list(results)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "peers-2026-01-01.json",
              "peers-2026-01-01.host.json",
              "peers-2026-01-01.md",
              "peers-2026-01-01.png",
              "peers-2026-01-01.svg");
    }
    BufferedImage plot = ImageIO.read(results.resolve("peers-2026-01-01.png").toFile());
    assertThat(plot.getWidth()).isGreaterThan(800);
    assertThat(plot.getRGB(2, 2)).as("a light background").isEqualTo(0xffffffff);
    assertThat(Files.readString(results.resolve("peers-2026-01-01.svg"))).contains("<svg");
    assertThat(Files.readString(results.resolve("peers-2026-01-01.md")))
        .contains(
            "./bench/run peers",
            "ONNX Runtime, fused graph",
            "| ratio |",
            "JVM flags: `-XX:",
            "peers-2026-01-01.svg");
  }

  @Test
  void ratiosAreToTheFasterPeer() {
    List<Row> rows = Rows.two();
    assertThat(Table.ratio(rows.get(0), rows)).isEqualTo(1.3);
    assertThat(Table.ratio(rows.get(3), rows)).isEqualTo(1.2);
    assertThat(Table.markdown(rows, OnnxForm.EXPORTED))
        .contains("| ONNX Runtime, exported graph |")
        .contains("| small | 224 | 1 | cls | 1 | 50.0 ms | 65.0 ms | 70.0 ms | 1.30x | 1.10 |")
        .contains("| small | 224 | 1 | cls | 2 | 25.0 ms | 40.0 ms | 30.0 ms | 1.20x | 1.10 |");
  }

  private static Host host() throws IOException {
    return Host.here("2026-01-01", "./bench/run peers", OnnxForm.FUSED, Map.of("fovea", "9"));
  }
}
