package dev.fovea.cli;

import dev.fovea.Registers;
import dev.fovea.converter.Verification;
import dev.fovea.converter.Verification.Deviation;
import dev.fovea.converter.Verification.Mismatch;
import dev.fovea.converter.Verifier;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "verify",
    description = "Compares an artifact with its source, tensor by tensor.",
    footer = {
      "",
      "Examples:",
      "  fovea verify small.safetensors facebook/dinov2-with-registers-small",
      "  fovea verify small.safetensors small.pth --golden reference-outputs.safetensors"
    })
final class VerifyCommand implements Callable<Integer> {

  @Parameters(index = "0", paramLabel = "ARTIFACT", description = "What convert has written.")
  private Path artifact;

  @Parameters(
      index = "1",
      paramLabel = "SOURCE",
      description = "What it was made from: a file, a directory, or a hub name.")
  private String source;

  @Option(
      names = "--golden",
      paramLabel = "FILE.safetensors",
      description =
          "Also run the artifact on this file's image [3, H, W] and compare the outputs with its"
              + " tokens_norm, tokens_prenorm, blocks, attention_last and key_last.")
  private Path golden;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    Verification verification;
    try (Progress progress = new Progress(spec.commandLine().getErr())) {
      verification =
          Verifier.verify(artifact, ModelOptions.weights(source, progress), golden, progress);
    }
    PrintWriter out = spec.commandLine().getOut();
    for (String problem : verification.problems()) {
      out.println("wrong: " + problem);
    }
    for (Mismatch mismatch : verification.mismatches()) {
      out.printf(
          "wrong: %s differs in %d elements, first at %d: %s, expected %s%n",
          mismatch.tensor(),
          mismatch.differences(),
          mismatch.firstIndex(),
          mismatch.actual(),
          mismatch.expected());
    }
    for (Deviation deviation : verification.deviations()) {
      out.printf(
          "%s: %s, relative L2 error %.1e, at most %.0e expected%n",
          deviation.passed() ? "right" : "wrong",
          deviation.tensor(),
          deviation.relativeError(),
          deviation.tolerance());
    }
    if (!(verification.registers() instanceof Registers.AsTrained)) {
      out.println("not of the source: " + verification.registers().description());
    }
    out.printf(
        "%s: %s, %d tensors and %,d elements compared%n",
        artifact,
        verification.passed() ? "verified" : "not verified",
        verification.tensors(),
        verification.elements());
    return verification.passed() ? 0 : 1;
  }
}
