package dev.fovea;

import java.util.ServiceLoader;

/**
 * The image decoder on the class or module path, looked up once. It is looked for where the engine
 * is, not where the calling thread's class loader happens to look: the first caller may be a thread
 * of a pool that knows nothing of the application.
 */
final class InstalledDecoder {

  private static final ImageDecoder FOUND =
      ServiceLoader.load(ImageDecoder.class, InstalledDecoder.class.getClassLoader())
          .findFirst()
          .orElse(null);

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
