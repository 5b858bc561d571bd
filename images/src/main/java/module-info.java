/** Decodes JPEG, PNG, GIF, BMP, WebP and TIFF for the engine. */
module dev.fovea.images {
  requires transitive dev.fovea.engine;
  requires com.drew.metadata;
  requires com.twelvemonkeys.imageio.webp;
  requires java.desktop;

  exports dev.fovea.images;

  provides dev.fovea.ImageDecoder with
      dev.fovea.images.ImageIoDecoder;
}
