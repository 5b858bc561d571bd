/** The {@code fovea} command. */
module dev.fovea.cli {
  requires dev.fovea.engine;
  requires dev.fovea.converter;
}
