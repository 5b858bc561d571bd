package dev.fovea;

import java.util.ServiceLoader;

/** The image decoder on the class or module path, looked up once. */
final class InstalledDecoder {

  private static final ImageDecoder FOUND =
      ServiceLoader.load(ImageDecoder.class).findFirst().orElse(null);

  private InstalledDecoder() {}

  static ImageDecoder get() {
    if (FOUND == null) {
      throw new ImageException(
          "no image decoder found: add dev.fovea:fovea-images to the class path, or pass pixels"
              + " with Image.rgb");
    }
    return FOUND;
  }
}
