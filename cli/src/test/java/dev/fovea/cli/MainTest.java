package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fovea.CheckpointException;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MainTest {

  static Stream<String> commands() {
    return Main.commandLine().getSubcommands().keySet().stream();
  }

  @Test
  void theseAreTheCommands() {
    assertThat(commands())
        .contains(
            "embed",
            "features",
            "outliers",
            "attention",
            "pca",
            "lost",
            "classify",
            "probe",
            "register-neurons",
            "attention-bias",
            "ablate-registers",
            "preprocess",
            "convert",
            "inspect",
            "verify",
            "parity",
            "doctor",
            "completion");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpWithExamples(String command) {
    Result result = Cli.run(command, "--help");
    assertThat(result.exit()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(result.out()).contains("Usage: fovea " + command).contains("Examples:");
    assertThat(result.out().substring(result.out().indexOf("Examples:")))
        .contains("fovea " + command);
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandRefusesUnknownOptionsInOneLine(String command) {
    Result result = Cli.run(command, "--no-such-option");
    assertThat(result.exit()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(result.err())
        .hasLineCount(1)
        .startsWith("fovea " + command + ": ")
        .contains("--help");
  }

  @Test
  void theCompletionScriptKnowsEveryCommand() {
    Result result = Cli.run("completion");
    assertThat(result.exit()).isZero();
    assertThat(result.out())
        .startsWith("#!/usr/bin/env bash")
        .contains("compinit", "--position-policy");
    assertThat(commands())
        .allMatch(command -> result.out().contains("_picocli_fovea_" + command.replace("-", "")));
  }

  @Test
  void theVersionNamesFoveaAndJava() {
    Result result = Cli.run("--version");
    assertThat(result.exit()).isZero();
    assertThat(result.out()).startsWith("fovea ").contains("Java 25");
  }

  @Test
  void noCommandAndUnknownCommandsAreNotUnderstood() {
    assertThat(Cli.run().exit()).isEqualTo(2);
    assertThat(Cli.run().err()).hasLineCount(1).contains("fovea --help");
    assertThat(Cli.run("embedd").exit()).isEqualTo(2);
  }

  @Test
  void theStackTraceIsShownOnRequestOnly() {
    Result plain = Cli.run("inspect", "/nothing/here");
    assertThat(plain.exit()).isEqualTo(1);
    assertThat(plain.err()).hasLineCount(1).startsWith("fovea: ");
    Result traced = Cli.run("inspect", "/nothing/here", "--stacktrace");
    assertThat(traced.exit()).isEqualTo(1);
    assertThat(traced.err()).contains("CheckpointException").contains("at dev.fovea");
  }

  @Test
  void resultsThatNobodyGetsAreAFailure() {
    Writer full =
        new Writer() {
          @Override
          public void write(char[] characters, int offset, int length) throws IOException {
            throw new IOException("No space left on device");
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    StringWriter err = new StringWriter();
    CommandLine command =
        Main.commandLine().setOut(new PrintWriter(full)).setErr(new PrintWriter(err, true));
    assertThat(Main.delivered(command, command.execute("completion"))).isEqualTo(1);
    assertThat(err.toString()).hasLineCount(1).startsWith("fovea: cannot write to stdout");
  }

  @Test
  void refusalsAreOneLineWhateverTheirCause() {
    assertThat(new Refusal(new CheckpointException("a\n  b\n")).message()).isEqualTo("a b");
    assertThat(new Refusal(new UncheckedIOException(new NoSuchFileException("f"))).message())
        .isEqualTo("f: no such file");
    assertThat(new Refusal(new OutOfMemoryError("Java heap space")).message())
        .contains("Java heap space")
        .contains("-Xmx");
    assertThat(new Refusal(new ArrayStoreException("x")).message())
        .contains("ArrayStoreException")
        .contains("report");
  }

  @Test
  void theDoctorCoversWhatDecidesSpeed() {
    Result result = Cli.run("doctor");
    assertThat(result.exit()).isZero();
    assertThat(result.out())
        .contains(Runtime.version().toString())
        .contains("jdk.incubator.vector is there")
        .contains("threads", "heap", "cpu", "cuda", "hub")
        .contains("skewed   a device of the tests\n         with an error");
    JsonNode findings = JsonMapper.shared().readTree(Cli.run("doctor", "--json").out());
    assertThat(Set.copyOf(findings.findValuesAsString("topic")))
        .contains("java", "vectors", "threads", "memory", "cpu", "cuda", "hub");
  }

  @Test
  void theDoctorAsksTheGpusOwnProvider() {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "the command brings CUDA along on Linux on x86-64 only");
    assertThat(Diagnosis.findings())
        .filteredOn(finding -> finding.topic().equals("cuda"))
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.text()).containsAnyOf("compute capability", "cannot be used: ");
              assertThat(finding.advice()).isNull();
            });
  }

  @Test
  void theDoctorSaysWhatToAddForGpus() {
    assertThat(Diagnosis.devices(List.of()))
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.topic()).isEqualTo("cuda");
              assertThat(finding.text()).contains("fovea-kernels-cuda is not on the class path");
              assertThat(finding.advice()).contains("add dev.fovea:fovea-kernels-cuda");
            });
  }

  @Test
  void progressIsABarOnATerminalAndLinesForLongWorkElsewhere() {
    StringWriter terminal = new StringWriter();
    try (Progress bar = new Progress(new PrintWriter(terminal), true)) {
      bar.progress("fetching", 0, 200);
      bar.progress("fetching", 100, 200);
      bar.progress("fetching", 200, 200);
    }
    assertThat(terminal.toString())
        .startsWith("\rfetching")
        .contains("[===============>              ]  50%")
        .contains("[==============================] 100%")
        .endsWith(System.lineSeparator());
    StringWriter file = new StringWriter();
    try (Progress lines = new Progress(new PrintWriter(file), false)) {
      lines.progress("short", 5, 10);
      for (long done = 0; done <= 1000; done++) {
        lines.progress("long", done * 1_000_000, 1_000_000_000);
      }
    }
    assertThat(file.toString().lines()).hasSize(11).allMatch(line -> line.startsWith("long: "));
  }
}
