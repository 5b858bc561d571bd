/** The {@code fovea} command. */
module dev.fovea.cli {
  requires dev.fovea.engine;
  requires dev.fovea.converter;
  requires info.picocli;
  requires java.desktop;
  requires tools.jackson.databind;

  opens dev.fovea.cli to
      info.picocli;
}
