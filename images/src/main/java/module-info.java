/** Decodes JPEG, PNG, GIF, BMP, WebP and TIFF for the engine. */
module dev.fovea.images {
  requires transitive dev.fovea.engine;
  requires java.desktop;
}
