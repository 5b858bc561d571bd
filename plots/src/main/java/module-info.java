/** Draws what the engine's analysis finds, as PNG and SVG. */
module dev.fovea.plots {
  requires transitive dev.fovea.engine;
  requires transitive java.desktop;
  requires VectorGraphics2D;
  requires xchart;

  exports dev.fovea.plots;
}
