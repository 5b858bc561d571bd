package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PeersTest {

  @TempDir private Path folder;

  private record Result(int exit, String out, String err) {}

  @Test
  void comparesAllEnginesInProcessesOfTheirOwn() throws IOException {
    Path json = folder.resolve("rows.json");
    Result result =
        run(
            "--models=synthetic:tiny-reg4",
            "--threads=1,2",
            "--pixels=42",
            "--rounds=2",
            "--warm-up=0",
            "--seconds=0.01",
            "--json=" + json);
    assertThat(result.err()).contains("round 2 of 2: LibTorch");
    assertThat(result.exit()).isZero();
    assertThat(result.out()).contains("| ONNX Runtime, exported graph |");
    assertThat(result.out()).contains("| synthetic:tiny-reg4 | 42 | 1 | tokens | 2 |");
    JsonNode rows = JsonMapper.shared().readTree(Files.readString(json));
    assertThat(rows.size()).isEqualTo(2 * 2 * 3);
    for (JsonNode row : rows) {
      assertThat(row.get("min_ms").asDouble())
          .isPositive()
          .isLessThanOrEqualTo(row.get("median_ms").asDouble());
      assertThat(row.get("p99_ms").asDouble())
          .isGreaterThanOrEqualTo(row.get("median_ms").asDouble());
      assertThat(row.get("first_embedding_ms").asDouble()).isPositive();
      assertThat(row.get("peak_mib").asDouble()).isBetween(10.0, 4000.0);
      boolean ours = row.get("engine").asString().equals("fovea");
      assertThat(row.get("max_difference").asDouble() == 0).isEqualTo(ours);
    }
    assertThat(folder.resolve("rows.host.json")).isNotEmptyFile();
  }

  @ParameterizedTest
  @CsvSource({
    "--threads,     0,     --threads must be positive",
    "--pixels,      -14,   --pixels must be positive",
    "--batch,       two,   two",
    "--onnx,        folded, folded",
    "--rounds,      0,     --rounds must be positive",
    "--seconds,     0,     --seconds must be positive",
    "--no-such,     1,     --no-such"
  })
  void mistakesInTheCommandAreNotUnderstood(String option, String value, String message) {
    Result result = run(option, value);
    assertThat(result.exit()).isEqualTo(2);
    assertThat(result.err()).contains(message);
  }

  @Test
  void modelsThatAreNotThereAreNamed() {
    Result result = run("--models", "small,no-such-model");
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err()).contains("no model 'no-such-model'").doesNotContain("\tat ");
  }

  @Test
  void whatCannotRunLeavesNothingBehind() throws IOException {
    Path json = folder.resolve("rows.json");
    Result result = run("--models=synthetic:tiny-reg4", "--pixels=43", "--json=" + json);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err()).contains("43");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(Path::getFileName).map(Path::toString)).containsOnly("bench");
    }
  }

  @Test
  void workersThatFailAreNamedWithTheirLastLines() {
    Task task = new Task(42, 1, Output.CLS);
    for (Engine engine : Engine.values()) {
      Path missing = folder.resolve("missing");
      Job job =
          new Job(engine, missing, task, 1, new Measurement(0, 0.01, 1), folder.resolve("out"));
      assertThatThrownBy(() -> new WorkerProcess(folder).run(job))
          .isInstanceOf(PeersException.class)
          .hasMessageContaining("the worker of " + engine.title() + " ended with exit code 1")
          .hasMessageContaining("at dev.fovea.bench.peers.Worker.main");
    }
  }

  @Test
  void jobsSurviveTheCommandLine() {
    Job job =
        new Job(
            Engine.ONNXRUNTIME,
            Path.of("a folder", "model.onnx"),
            new Task(518, 8, Output.TOKENS),
            2,
            new Measurement(2, 3.5, 8),
            Path.of("out"));
    assertThat(Job.parse(job.arguments().toArray(String[]::new))).isEqualTo(job);
  }

  private Result run(String... arguments) {
    String[] all =
        Stream.concat(Stream.of("--home=" + folder), Stream.of(arguments)).toArray(String[]::new);
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        Peers.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err, true));
    int exit = command.execute(all);
    command.getOut().flush();
    return new Result(exit, out.toString(), err.toString());
  }
}
