package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class JavaMachineTest {

  private static final String HOTSPOT = "OpenJDK 64-Bit Server VM";
  private static final Map<String, String> FLAGS =
      Map.of("TieredCompilation", "true", "TieredStopAtLevel", "4", "UseFMA", "true");

  @Test
  void nothingIsInTheWayOnAnOrdinaryMachine() {
    assertThat(machine(HOTSPOT, "mixed mode, sharing", FLAGS, 256, null).obstacle()).isEmpty();
    assertThat(machine(HOTSPOT, "mixed mode", FLAGS, 512, "128").obstacle()).isEmpty();
    assertThat(machine("GraalVM CE", "mixed mode", FLAGS, 512, null).obstacle()).isEmpty();
  }

  @Test
  void levelsDoNotMatterWithoutTieredCompilation() {
    Map<String, String> flags = Map.of("TieredCompilation", "false", "TieredStopAtLevel", "1");
    assertThat(machine(HOTSPOT, "mixed mode", flags, 256, null).obstacle()).isEmpty();
  }

  @Test
  void everyObstacleHasItsReason() {
    assertReason(
        new JavaMachine(false, HOTSPOT, "mixed mode", FLAGS, 0, null),
        "--add-modules jdk.incubator.vector");
    assertReason(machine("Eclipse OpenJ9 VM", "JRE 25", Map.of(), 512, null), "HotSpot");
    assertReason(machine("OpenJDK 64-Bit Client VM", "mixed mode", FLAGS, 256, null), "Server VM");
    assertReason(machine(HOTSPOT, "interpreted mode", FLAGS, 256, null), "-Xint");
    assertReason(
        machine(HOTSPOT, "mixed mode", Map.of("TieredStopAtLevel", "1"), 256, null),
        "TieredStopAtLevel=1");
    assertReason(
        machine(HOTSPOT, "mixed mode", Map.of("CompilationMode", "quick-only"), 256, null),
        "quick-only");
    assertReason(machine(HOTSPOT, "mixed mode", Map.of("UseFMA", "false"), 256, null), "UseFMA");
    assertReason(machine(HOTSPOT, "mixed mode", FLAGS, 64, null), "64 bits");
    assertReason(machine(HOTSPOT, "mixed mode", FLAGS, 256, "512"), "asks for 512 bits");
    assertReason(machine(HOTSPOT, "mixed mode", FLAGS, 256, "wide"), "got 'wide'");
  }

  @Test
  void seesTheFlagsOfThisMachine() {
    JavaMachine machine = JavaMachine.current();
    assertThat(machine.vectorModule()).isTrue();
    assertThat(machine.flags()).containsKeys("TieredStopAtLevel", "UseFMA");
    assertThat(machine.preferredBits()).isGreaterThanOrEqualTo(64);
  }

  private static JavaMachine machine(
      String name, String mode, Map<String, String> flags, int bits, String requestedBits) {
    return new JavaMachine(true, name, mode, flags, bits, requestedBits);
  }

  private static void assertReason(JavaMachine machine, String part) {
    assertThat(machine.obstacle()).hasValueSatisfying(r -> assertThat(r).contains(part));
  }
}
