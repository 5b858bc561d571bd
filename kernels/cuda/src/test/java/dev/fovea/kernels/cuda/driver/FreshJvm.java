package dev.fovea.kernels.cuda.driver;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Runs a main class of these tests in a Java virtual machine of its own. */
final class FreshJvm {

  private static final String MODULE = "dev.fovea.kernels.cuda";

  private final Path libraries;
  private final Path temporary;
  private final Path log;
  private final Map<String, String> environment = new HashMap<>();
  private final List<String> options = new ArrayList<>();
  private boolean nativeAccess = true;
  private boolean modules;

  /** What it printed, both streams together, how it ended, and what the stubs logged. */
  record Result(int exit, String output, List<String> calls) {}

  /**
   * Prepares a run.
   *
   * @param libraries where the dynamic linker looks first
   * @param folder an empty folder for everything else
   */
  FreshJvm(Path libraries, Path folder) throws IOException {
    this.libraries = libraries;
    this.temporary = Files.createDirectory(folder.resolve("temporary"));
    this.log = folder.resolve("calls");
  }

  /** The folder for temporary files. */
  Path temporary() {
    return temporary;
  }

  /** Adds a variable of the environment, with which the stubs can be told what to do. */
  FreshJvm with(String variable, Object value) {
    environment.put(variable, value.toString());
    return this;
  }

  /** Adds an option of Java. */
  FreshJvm option(String option) {
    options.add(option);
    return this;
  }

  /** Does not allow native code. */
  FreshJvm withoutNativeAccess() {
    nativeAccess = false;
    return this;
  }

  /** Runs with named modules instead of a class path. */
  FreshJvm onModulePath() {
    modules = true;
    return this;
  }

  Result run(Class<?> main, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Such a process is over before C2 has paid for itself.
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.add("-Djava.io.tmpdir=" + temporary);
    command.add("-Duser.language=en"); // Numbers in messages follow it.
    command.addAll(options);
    if (nativeAccess) {
      command.add(
          "--enable-native-access=" + (modules ? MODULE + ",jcuda,jcublas" : "ALL-UNNAMED"));
    }
    command.addAll(modules ? modulePath(main) : classPath(main));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(temporary.getParent().toFile());
    builder.redirectErrorStream(true);
    builder.environment().put("LD_LIBRARY_PATH", libraries.toString());
    builder.environment().put("STUB_LOG", log.toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int exit = process.waitFor();
    return new Result(exit, output, Files.exists(log) ? Files.readAllLines(log) : List.of());
  }

  private static List<String> classPath(Class<?> main) {
    return List.of("-cp", System.getProperty("java.class.path"), main.getName());
  }

  /** The modules with their libraries, and the test classes patched into ours. */
  private static List<String> modulePath(Class<?> main) {
    String separator = System.getProperty("path.separator");
    String path =
        String.join(
            separator,
            Stream.of(System.getProperty("java.class.path").split(separator))
                .filter(
                    entry -> entry.matches(".*(/classes|/j(cuda|cublas)-[^/]*|kernels-cpu[^/]*)"))
                .toList());
    String tests = main.getProtectionDomain().getCodeSource().getLocation().getPath();
    return List.of(
        "-p", path, "--patch-module", MODULE + "=" + tests, "-m", MODULE + "/" + main.getName());
  }
}
