package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the real script in a project of fakes: each "java" prints its home and its arguments, the
 * "mvnw" leaves a mark. The script's system folders are replaced by folders of the test.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a shell script")
class LauncherTest {

  @TempDir Path folder;
  private Path project;
  private final Map<String, String> environment = new TreeMap<>();

  private record Result(int exit, String out, String err) {}

  @BeforeEach
  void makeProject() throws IOException {
    project = Files.createDirectories(folder.resolve("pro ject"));
    String script = Files.readString(Path.of("..", "fovea"));
    script =
        script
            .replace("/usr/lib/jvm/*", "'" + folder + "'/jvm/*")
            .replace("/opt/*", "'" + folder + "'/opt/*")
            .replace("/Library/Java/", "'" + folder + "'/Library/Java/")
            .replace("/opt/homebrew/", "'" + folder + "'/opt/homebrew/");
    executable(project.resolve("fovea"), script);
    executable(
        project.resolve("mvnw"),
        """
        #!/bin/sh
        echo "$JAVA_HOME $*" >>builds
        echo "noise of the build"
        mkdir -p cli/target/app
        [ ! -e broken ]
        """);
    Files.createDirectories(project.resolve("engine/src/main/java"));
    Files.writeString(project.resolve("pom.xml"), "");
    Files.writeString(project.resolve("engine/src/main/java/A.java"), "");
    // No java on this PATH: only what the script itself calls.
    Path tools = Files.createDirectories(folder.resolve("tools"));
    for (String tool : "dirname readlink find head mkdir mv rm touch cat flock".split(" ")) {
      forward(tools, tool);
    }
    environment.put("PATH", tools.toString());
    environment.put("HOME", folder.resolve("home").toString());
  }

  private static void forward(Path tools, String tool) throws IOException {
    for (String place : List.of("/bin/", "/usr/bin/", "/usr/local/bin/")) {
      if (Files.isExecutable(Path.of(place + tool))) {
        executable(tools.resolve(tool), "#!/bin/sh\nexec " + place + tool + " \"$@\"\n");
        return;
      }
    }
  }

  private static void executable(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Path java(String home, String version) throws IOException {
    Path java = folder.resolve(home);
    executable(
        java.resolve("bin/java"),
        "#!/bin/sh\necho \"HOME " + java + "\"\nfor a; do echo \"$a\"; done\n");
    executable(java.resolve("bin/javac"), "#!/bin/sh\n");
    Files.writeString(
        java.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
    return java;
  }

  private Result run(String... arguments) throws IOException, InterruptedException {
    return run(project.resolve("fovea"), folder, arguments);
  }

  private Result run(Path script, Path workingFolder, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("/bin/bash", script.toString()));
    command.addAll(List.of(arguments));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(workingFolder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private List<String> builds() throws IOException {
    Path builds = project.resolve("builds");
    return Files.exists(builds) ? Files.readAllLines(builds, StandardCharsets.UTF_8) : List.of();
  }

  @Test
  void buildsOnceAndSaysSoInOneLine() throws Exception {
    Path java = java("jvm/jdk-25", "25.0.3");
    Result first = run("embed");
    assertThat(first.exit).isZero();
    assertThat(first.err).startsWith("fovea: building").hasLineCount(1);
    assertThat(builds()).hasSize(1);
    assertThat(builds().getFirst()).startsWith(java + " ").endsWith("package");
    Result second = run("embed");
    assertThat(second.err).isEmpty();
    assertThat(builds()).hasSize(1);
  }

  @Test
  void buildsAgainWhenASourceOrAPomIsNewer() throws Exception {
    java("jvm/jdk-25", "25.0.3");
    run();
    FileTime later = FileTime.from(Instant.now().plusSeconds(5));
    Files.setLastModifiedTime(project.resolve("engine/src/main/java/A.java"), later);
    run();
    assertThat(builds()).hasSize(2);
    Path source = project.resolve("engine/src/main/java/A.java");
    Files.setLastModifiedTime(source, FileTime.fromMillis(0));
    run();
    assertThat(builds()).hasSize(2);
    Files.setLastModifiedTime(project.resolve("pom.xml"), later);
    run();
    assertThat(builds()).hasSize(3);
  }

  @Test
  void aFailedBuildShowsItsOutputAndIsTriedAgain() throws Exception {
    java("jvm/jdk-25", "25.0.3");
    Files.writeString(project.resolve("broken"), "");
    Result failed = run("embed");
    assertThat(failed.exit).isEqualTo(1);
    assertThat(failed.out).isEmpty();
    assertThat(failed.err).contains("noise of the build").contains("fovea: the build failed");
    Files.delete(project.resolve("broken"));
    assertThat(run("embed").exit).isZero();
    assertThat(builds()).hasSize(2);
  }

  @Test
  void argumentsAndJvmOptionsArriveAsGiven() throws Exception {
    java("jvm/jdk-25", "25.0.3");
    environment.put("FOVEA_JAVA_OPTS", "-Xmx1g  -Da=b");
    Result result = run("embed", "two words", "", "*", "$HOME");
    assertThat(result.out.lines())
        .containsSequence("--add-modules", "jdk.incubator.vector")
        .containsSequence("-Xmx1g", "-Da=b", "-cp", project.toRealPath() + "/cli/target/app/*")
        .endsWith("dev.fovea.cli.Main", "embed", "two words", "", "*", "$HOME");
  }

  /** In that of C, Java cannot even name a file whose name is not ASCII. */
  @Test
  void javaGetsALocaleWithAllLetters() throws Exception {
    Path java = java("jvm/jdk-25", "25.0.3");
    executable(java.resolve("bin/java"), "#!/bin/sh\necho \"$LC_ALL\"\n");
    assertThat(run("embed").out).isEqualTo("C.UTF-8\n");
    environment.put("LC_ALL", "POSIX");
    assertThat(run("embed").out).isEqualTo("C.UTF-8\n");
    environment.put("LC_ALL", "de_DE.UTF-8");
    assertThat(run("embed").out).isEqualTo("de_DE.UTF-8\n");
  }

  @Test
  void runsThroughLinksFromAnyFolder() throws Exception {
    java("jvm/jdk-25", "25.0.3");
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Files.createSymbolicLink(bin.resolve("first"), Path.of("../pro ject/fovea"));
    Files.createSymbolicLink(bin.resolve("second"), bin.resolve("first"));
    assertThat(run(bin.resolve("second"), Path.of("/"), "x").exit).isZero();
    assertThat(run(Path.of("first"), bin, "x").exit).isZero();
    assertThat(builds()).hasSize(1);
  }

  @Test
  void takesTheFirstJavaThatFits() throws Exception {
    java("home/.sdkman/candidates/java/25.0.4-tem", "25.0.4");
    assertThat(run().out).startsWith("HOME " + folder.resolve("home/.sdkman"));
    Path last = java("jvm/b-25", "25.0.10.1");
    java("jvm/a-17", "17.0.15");
    java("jvm/a-25-too-old", "25.0.2");
    java("jvm/a-250", "250.0.3");
    assertThat(run().out).startsWith("HOME " + last);
    Path onPath = java("on the path", "25.1.0");
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Files.createSymbolicLink(bin.resolve("java"), onPath.resolve("bin/java"));
    environment.put("PATH", bin + ":" + environment.get("PATH"));
    assertThat(run().out).startsWith("HOME " + onPath);
    Path home = java("java home", "25.0.3");
    environment.put("JAVA_HOME", home.toString());
    assertThat(run().out).startsWith("HOME " + home);
    Path chosen = java("chosen", "25.0.3");
    environment.put("FOVEA_JAVA_HOME", chosen.toString());
    assertThat(run().out).startsWith("HOME " + chosen);
  }

  @Test
  void aRuntimeWithoutCompilerRunsButDoesNotBuild() throws Exception {
    Path jre = java("jvm/a-jre", "25.0.3");
    Files.delete(jre.resolve("bin/javac"));
    assertThat(run().err).contains("no JDK 25").contains("only 25.0.3");
    Path jdk = java("jvm/b-jdk", "25.0.3");
    assertThat(run().out).startsWith("HOME " + jdk);
    assertThat(run().out).startsWith("HOME " + jre);
  }

  @Test
  void withoutJava25ItSaysInOneLineWhatWasFoundAndWhatToDo() throws Exception {
    java("jvm/a-17", "17.0.15");
    java("jvm/b-17", "17.0.15");
    java("jvm/c-25", "25.0.1");
    Result result = run("embed");
    assertThat(result.exit).isEqualTo(1);
    assertThat(result.out).isEmpty();
    assertThat(result.err)
        .hasLineCount(1)
        .startsWith("fovea: no JDK 25 (25.0.3 or newer)")
        .contains("only 17.0.15, 25.0.1)")
        .contains("FOVEA_JAVA_HOME");
    assertThat(builds()).isEmpty();
  }

  @Test
  void aChosenJavaThatDoesNotFitIsRefusedRatherThanReplaced() throws Exception {
    java("jvm/jdk-25", "25.0.3");
    environment.put("FOVEA_JAVA_HOME", java("chosen", "21.0.9").toString());
    Result old = run();
    assertThat(old.exit).isEqualTo(1);
    assertThat(old.err).hasLineCount(1).contains("FOVEA_JAVA_HOME=").contains("21.0.9");
    environment.put("FOVEA_JAVA_HOME", folder.resolve("nothing").toString());
    assertThat(run().err).hasLineCount(1).contains("no bin/java");
  }
}
