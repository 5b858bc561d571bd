package dev.fovea.images;

import java.io.IOException;
import java.util.Arrays;
import java.util.Iterator;
import javax.imageio.IIOException;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/** Finds the JDK's own ImageIO readers. */
final class Readers {

  private Readers() {}

  /**
   * The JDK's reader of a format, whatever other plugins the application has: they may decode to
   * other samples.
   */
  static ImageReader builtIn(String format) throws IOException {
    Iterator<ImageReaderSpi> found =
        IIORegistry.getDefaultInstance()
            .getServiceProviders(
                ImageReaderSpi.class,
                provider -> isBuiltIn((ImageReaderSpi) provider, format),
                true);
    if (!found.hasNext()) {
      throw new IIOException(
          "the JDK's " + format + " reader is not there; something has deregistered it");
    }
    return found.next().createReaderInstance();
  }

  private static boolean isBuiltIn(ImageReaderSpi provider, String format) {
    return provider.getClass().getModule().equals(ImageReader.class.getModule())
        && Arrays.asList(provider.getFormatNames()).contains(format);
  }
}
