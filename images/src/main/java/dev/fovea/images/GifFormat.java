package dev.fovea.images;

import dev.fovea.Image;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import javax.imageio.IIOException;
import javax.imageio.ImageReader;
import javax.imageio.event.IIOReadUpdateListener;

/**
 * GIF: the first frame, on its screen. As in Pillow, what the frame leaves free has the transparent
 * colour, or the palette's first where none is transparent.
 */
final class GifFormat implements FormatReader {

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    GifHeader header = GifHeader.read(file.bytes());
    file.checkSize(header.frameWidth(), header.frameHeight());
    file.checkSize(header.width(), header.height());
    ImageReader reader = Readers.builtIn("gif");
    try (ByteArrayImageInput input = new ByteArrayImageInput(file.bytes(), true)) {
      reader.setInput(input, true, true);
      RowCounter counter = new RowCounter();
      reader.addIIOReadUpdateListener(counter);
      BufferedImage frame = reader.read(0);
      if (counter.rows < header.frameHeight()) {
        throw new IIOException(
            "the data ends after " + counter.rows + " of " + header.frameHeight() + " rows");
      }
      return place(frame.getRaster(), palette(frame), header);
    } finally {
      reader.dispose();
    }
  }

  private static int[] palette(BufferedImage frame) {
    IndexColorModel palette = (IndexColorModel) frame.getColorModel();
    int[] entries = new int[palette.getMapSize()];
    palette.getRGBs(entries);
    return entries;
  }

  private static Image.Rgb place(Raster frame, int[] palette, GifHeader header) {
    Image.Rgb picture = Rasters.indexed(frame, palette);
    if (picture.width() == header.width() && picture.height() == header.height()) {
      return picture;
    }
    int background = header.background() < palette.length ? palette[header.background()] : 0;
    byte[] screen = new byte[3 * header.width() * header.height()];
    for (int i = 0; i < screen.length; i += 3) {
      screen[i] = (byte) (background >> 16);
      screen[i + 1] = (byte) (background >> 8);
      screen[i + 2] = (byte) background;
    }
    int rowBytes = 3 * picture.width();
    for (int row = 0; row < picture.height(); row++) {
      int to = 3 * ((header.y() + row) * header.width() + header.x());
      System.arraycopy(picture.samples(), row * rowBytes, screen, to, rowBytes);
    }
    return new Image.Rgb(header.width(), header.height(), screen);
  }

  /** Counts the rows that were decoded: at early end of data, the JDK's reader just returns. */
  private static final class RowCounter implements IIOReadUpdateListener {
    private int rows;

    @Override
    public void imageUpdate(
        ImageReader source,
        BufferedImage image,
        int minX,
        int minY,
        int width,
        int height,
        int periodX,
        int periodY,
        int[] bands) {
      rows += height;
    }

    @Override
    public void passStarted(
        ImageReader source,
        BufferedImage image,
        int pass,
        int minPass,
        int maxPass,
        int minX,
        int minY,
        int periodX,
        int periodY,
        int[] bands) {}

    @Override
    public void passComplete(ImageReader source, BufferedImage image) {}

    @Override
    public void thumbnailPassStarted(
        ImageReader source,
        BufferedImage thumbnail,
        int pass,
        int minPass,
        int maxPass,
        int minX,
        int minY,
        int periodX,
        int periodY,
        int[] bands) {}

    @Override
    public void thumbnailUpdate(
        ImageReader source,
        BufferedImage thumbnail,
        int minX,
        int minY,
        int width,
        int height,
        int periodX,
        int periodY,
        int[] bands) {}

    @Override
    public void thumbnailPassComplete(ImageReader source, BufferedImage thumbnail) {}
  }
}
