package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import org.junit.jupiter.api.Test;

/** What the engine shows to the world, and what it asks of it. */
class ModuleTest {

  @Test
  void onlyThePublicApiIsExportedToEverybody() throws Exception {
    assertThat(descriptor().exports())
        .filteredOn(exports -> !exports.isQualified())
        .extracting(ModuleDescriptor.Exports::source)
        .containsExactly("dev.fovea");
  }

  @Test
  void nothingOutsideTheJdkAndTheKernelsIsRequired() throws Exception {
    assertThat(descriptor().requires())
        .extracting(ModuleDescriptor.Requires::name)
        .allMatch(name -> name.startsWith("java.") || name.equals("dev.fovea.kernels"));
  }

  private static ModuleDescriptor descriptor() throws Exception {
    try (InputStream in =
        Fovea.class
            .getProtectionDomain()
            .getCodeSource()
            .getLocation()
            .toURI()
            .resolve("module-info.class")
            .toURL()
            .openStream()) {
      return ModuleDescriptor.read(in);
    }
  }
}
