/** The {@code fovea} command. */
module dev.fovea.cli {
  requires com.samskivert.jmustache;
  requires dev.fovea.converter;
  requires dev.fovea.engine;
  requires dev.fovea.plots;
  requires dev.fovea.probes;
  requires info.picocli;
  requires java.desktop;
  requires java.logging;
  requires jdk.management;
  requires tools.jackson.databind;

  opens dev.fovea.cli to
      info.picocli,
      tools.jackson.databind;

  uses dev.fovea.kernels.DeviceProvider;
}
