package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.cpu.vector.RehearsedKernels;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What can only be seen from outside: compilation, allocation, and other flags. */
class FreshJvmTest {

  private static final List<String> VECTOR =
      List.of("--add-modules", "jdk.incubator.vector", "-Dfovea.kernels=vector");

  @ParameterizedTest
  @CsvSource({"128, F32", "256, BF16", "512, F16", "512, F32"})
  void aWarmVectorPlanAllocatesNothing(int bits, String storage) {
    assumeBits(bits);
    FreshJvm.Result result =
        FreshJvm.run(
            WarmPlan.class,
            FreshJvm.with(VECTOR, "-Dfovea.kernels.bits=" + bits),
            "4000",
            "200",
            storage);
    assertThat(result.output()).contains("vector kernels of " + bits).contains("allocated 0\n");
  }

  @Test
  void aWarmScalarPlanAllocatesNothing() {
    FreshJvm.Result result =
        FreshJvm.run(WarmPlan.class, List.of("-Dfovea.kernels=scalar"), "1000", "200", "F32");
    assertThat(result.output()).contains("scalar kernels").contains("allocated 0\n");
  }

  /**
   * A vector operation that is not inlined boxes its vectors, and then those of the whole method.
   * The compiler prints every decision about a call in the kernels' methods.
   */
  @ParameterizedTest
  @CsvSource({"128, F32", "256, BF16", "512, F16", "512, F32"})
  void everyVectorOperationIsInlined(int bits, String storage) {
    assumeBits(bits);
    List<String> printInlining =
        List.of(
            "-Dfovea.kernels.bits=" + bits,
            "-XX:-TieredCompilation",
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:CompileCommand=PrintInlining,dev.fovea.kernels.cpu.vector.*::*");
    FreshJvm.Result result =
        FreshJvm.run(
            WarmPlan.class,
            FreshJvm.with(VECTOR, printInlining.toArray(String[]::new)),
            "2000",
            "0",
            storage);
    assertThat(result.exit()).as(result.output()).isZero();
    Pattern vectorCall = Pattern.compile("jdk\\.(incubator|internal\\.vm)\\.vector\\.\\w+::\\w+");
    List<String> vectorCalls =
        result.output().lines().filter(l -> vectorCall.matcher(l).find()).toList();
    assertThat(vectorCalls.stream().filter(l -> l.contains("::fma ")))
        .as("multiply-adds of the micro-kernel")
        .hasSizeGreaterThan(bits == 512 ? 24 : 12);
    assertThat(vectorCalls).hasSizeGreaterThan(1000);
    assertThat(refused(vectorCalls)).isEmpty();
  }

  /**
   * Calls that are not inlined in the end. A failure may be followed by a success on the same line;
   * and C2 may break a compilation off while it is trying again, and begin it anew: then the same
   * call succeeds further down.
   */
  private static List<String> refused(List<String> calls) {
    List<String> refused = new ArrayList<>();
    Set<String> inlinedFurtherDown = new HashSet<>();
    for (String line : calls.reversed()) {
      String call = line.substring(0, line.indexOf(" bytes)"));
      if (line.endsWith("late inline succeeded")) {
        inlinedFurtherDown.add(call);
      } else if (line.contains("failed to inline") || line.contains("Cutoff")) {
        boolean anew = line.endsWith("trying again") && inlinedFurtherDown.contains(call);
        if (!anew) {
          refused.add(line);
        }
      }
    }
    return refused;
  }

  /** What a JVM printed that broke a compilation off. */
  @Test
  void aCallThatIsInlinedAfterAFreshBeginningIsNotRefused() {
    String failed =
        "@ 44  jdk.internal.vm.vector.VectorSupport::store (38 bytes)  failed to inline";
    String again = failed + ": static call node changed: trying again";
    String inlined = again + "  (intrinsic)  late inline succeeded";
    assertThat(refused(List.of(again, inlined))).isEmpty();
    assertThat(refused(List.of(inlined, again))).containsExactly(again);
    assertThat(refused(List.of(failed, inlined))).containsExactly(failed);
  }

  /**
   * What requests wait for must be worth it: the kernels are compiled then, well, although they
   * were hardly run.
   */
  @ParameterizedTest
  @CsvSource({"128, F32", "256, BF16", "512, F16", "512, F32"})
  void rehearsedKernelsAllocateNothing(int bits, String storage) {
    assumeBits(bits);
    FreshJvm.Result result =
        FreshJvm.run(
            RehearsedKernels.class, FreshJvm.with(VECTOR, "-Dfovea.kernels.bits=" + bits), storage);
    assertThat(result.output())
        .containsPattern("before [1-9][0-9]{4,}\n")
        .contains("compiled true\n", "after 0\n");
  }

  /** As where so much waits for C2 that HotSpot wants ten times the calls. */
  @Test
  void rehearsalGoesOnUntilTheCompilerHasTime() {
    List<String> flags =
        FreshJvm.with(
            VECTOR,
            "-XX:Tier4InvocationThreshold=50000",
            "-XX:Tier4MinInvocationThreshold=50000",
            "-XX:Tier4CompileThreshold=50000");
    FreshJvm.Result result = FreshJvm.run(RehearsedKernels.class, flags, "F32");
    assertThat(result.output()).contains("compiled true\n", "after 0\n");
  }

  @ParameterizedTest
  @CsvSource({
    "-Dx=y, --add-modules jdk.incubator.vector",
    "--add-modules=jdk.incubator.vector -XX:TieredStopAtLevel=1, TieredStopAtLevel=1",
    "--add-modules=jdk.incubator.vector -Xint, without -Xint",
    "--add-modules=jdk.incubator.vector -XX:-UseFMA, fused multiply-add",
    "--add-modules=jdk.incubator.vector -Dfovea.kernels.bits=100, got '100'"
  })
  void withoutVectorKernelsAPlanRunsAfterOneWarningThatSaysWhatToDo(String flags, String advice) {
    FreshJvm.Result result =
        FreshJvm.run(WarmPlan.class, List.of(flags.split(" ")), "1", "0", "F32");
    assertThat(result.exit()).as(result.output()).isZero();
    assertThat(result.output()).contains("scalar kernels").contains("result of ");
    assertThat(result.output().lines().filter(l -> l.contains("WARNING: Using the scalar")))
        .singleElement()
        .asString()
        .contains(advice);
  }

  @Test
  void vectorKernelsThatAreDemandedInVainAreAnError() {
    FreshJvm.Result result =
        FreshJvm.run(WarmPlan.class, List.of("-Dfovea.kernels=vector"), "1", "0", "F32");
    assertThat(result.exit()).isNotZero();
    assertThat(result.output())
        .contains("IllegalStateException")
        .contains("--add-modules jdk.incubator.vector");
  }

  private static void assumeBits(int bits) {
    Assumptions.assumeTrue(
        bits <= JavaMachine.current().preferredBits(), "no vectors of so many bits here");
  }
}
