package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Device;
import java.lang.module.ModuleDescriptor;
import org.junit.jupiter.api.Test;

/** What the engine and the kernels show to the world, and what they ask of it. */
class ModuleTest {

  @Test
  void onlyThePublicApiIsExportedToEverybody() {
    assertThat(Fovea.class.getModule().getDescriptor().exports())
        .filteredOn(exports -> !exports.isQualified())
        .extracting(ModuleDescriptor.Exports::source)
        .containsExactlyInAnyOrder("dev.fovea", "dev.fovea.analysis");
  }

  @Test
  void kernelsExportTheirInterfaceAlone() {
    assertThat(Device.class.getModule().getDescriptor().exports())
        .extracting(ModuleDescriptor.Exports::source)
        .containsExactly("dev.fovea.kernels");
  }

  @Test
  void nothingOutsideTheJdkIsRequired() {
    assertThat(Fovea.class.getModule().getDescriptor().requires())
        .extracting(ModuleDescriptor.Requires::name)
        .allMatch(name -> name.startsWith("java.") || name.equals("dev.fovea.kernels"));
    assertThat(Device.class.getModule().getDescriptor().requires())
        .extracting(ModuleDescriptor.Requires::name)
        .allMatch(name -> name.startsWith("java.") || name.startsWith("jdk."));
  }
}
