package dev.fovea.plots;

import de.erichseifert.vectorgraphics2d.Processors;
import de.erichseifert.vectorgraphics2d.VectorGraphics2D;
import de.erichseifert.vectorgraphics2d.util.PageSize;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Something that can be drawn, at the same size as pixels and as shapes.
 *
 * @param width in pixels
 * @param height in pixels
 * @param paint draws it, on white
 */
public record Picture(int width, int height, Consumer<Graphics2D> paint) {

  /** File formats. */
  public enum Format {
    /** Pixels. */
    PNG,
    /** Shapes and text; photographs in it stay pixels. */
    SVG;

    /** What names of such files end with, without the dot. */
    public String extension() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** The picture as the bytes of a file. */
  public byte[] encode(Format format) {
    try {
      return format == Format.PNG ? png(1) : svg();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The picture as a PNG file for screens with fine pixels.
   *
   * @param scale how many times as wide and high it is drawn
   */
  public byte[] png(int scale) {
    return Png.encode(raster(scale));
  }

  /** The picture as pixels. */
  public BufferedImage raster() {
    return raster(1);
  }

  private BufferedImage raster(int scale) {
    BufferedImage image =
        new BufferedImage(scale * width, scale * height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.scale(scale, scale);
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    draw(graphics);
    graphics.dispose();
    return image;
  }

  /** Draws it with the upper left corner at the origin. */
  void draw(Graphics2D graphics) {
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, width, height);
    paint.accept(graphics);
  }

  private byte[] svg() throws IOException {
    VectorGraphics2D graphics = new VectorGraphics2D();
    draw(graphics);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Processors.get("svg")
        .getDocument(graphics.getCommands(), new PageSize(width, height))
        .writeTo(out);
    return out.toByteArray();
  }
}
