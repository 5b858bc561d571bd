package dev.fovea.plots;

import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.analysis.Box;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Draws what is known of patches, over the image or alone. Each method adds something on top of
 * what is there.
 */
public final class PatchPicture {

  /** Least length of the longer side: small images are enlarged by a whole factor. */
  private static final int LEAST_SIDE = 448;

  /** Share of the colours where they lie over an image. */
  private static final double OPACITY = 0.6;

  private static final int BAR_WIDTH = 16;
  private static final int BAR_SPACE = 74;
  private static final int BAR_GAP = 10;
  private static final Font FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 12);

  private final PatchGrid grid;
  private final int width;
  private final int height;
  private final BufferedImage pixels;
  private final boolean photograph;
  private final List<Consumer<Graphics2D>> shapes = new ArrayList<>();
  private boolean bar;

  private PatchPicture(PatchGrid grid, BufferedImage pixels, boolean photograph) {
    this.grid = grid;
    this.pixels = pixels;
    this.width = pixels.getWidth();
    this.height = pixels.getHeight();
    this.photograph = photograph;
  }

  /** Starts with an image, as the model sees it. */
  public static PatchPicture over(Image.Rgb image, PatchGrid grid) {
    int scale = scale(Math.max(image.width(), image.height()));
    BufferedImage pixels =
        new BufferedImage(
            scale * image.width(), scale * image.height(), BufferedImage.TYPE_INT_RGB);
    byte[] samples = image.samples();
    for (int y = 0; y < pixels.getHeight(); y++) {
      for (int x = 0; x < pixels.getWidth(); x++) {
        int at = 3 * (y / scale * image.width() + x / scale);
        int rgb =
            (samples[at] & 0xff) << 16 | (samples[at + 1] & 0xff) << 8 | (samples[at + 2] & 0xff);
        pixels.setRGB(x, y, rgb);
      }
    }
    return new PatchPicture(grid, pixels, true);
  }

  /** Starts with nothing, each patch a square. */
  public static PatchPicture of(PatchGrid grid) {
    int side = scale(Math.max(grid.rows(), grid.columns()));
    return new PatchPicture(
        grid,
        new BufferedImage(side * grid.columns(), side * grid.rows(), BufferedImage.TYPE_INT_RGB),
        false);
  }

  private static int scale(int side) {
    return Math.max(1, (LEAST_SIDE + side - 1) / side);
  }

  /**
   * Colours every patch by its value, with a bar beside the image that says what the colours mean.
   * A photograph loses its own.
   *
   * @param values [P]
   * @param least value of the darkest colour
   * @param most value of the brightest colour
   */
  public PatchPicture heat(float[] values, double least, double most) {
    heatAlone(values, least, most);
    bar = true;
    shapes.add(graphics -> drawBar(graphics, least, most));
    return this;
  }

  /** As {@link #heat}, without the bar. */
  public PatchPicture heatAlone(float[] values, double least, double most) {
    check(values.length);
    double range = most > least ? most - least : 1;
    if (photograph) {
      gray();
    }
    fill(patch -> ColorMap.of((values[patch] - least) / range));
    return this;
  }

  /**
   * Gives every patch a colour.
   *
   * @param colors [P] as 0xRRGGBB; negative for patches that stay as they are
   */
  public PatchPicture colors(int[] colors) {
    check(colors.length);
    fill(patch -> colors[patch] < 0 ? null : new Color(colors[patch]));
    return this;
  }

  /** Puts frames around patches. */
  public PatchPicture frames(Iterable<Integer> patches) {
    for (int patch : patches) {
      double x = left(grid.column(patch));
      double y = top(grid.row(patch));
      frame(x, y, left(grid.column(patch) + 1) - x, top(grid.row(patch) + 1) - y, Color.RED, 2);
    }
    return this;
  }

  /**
   * Draws a box.
   *
   * @param box in patches; it may begin and end within one
   * @param color of the line
   */
  public PatchPicture box(Box box, Color color) {
    Box scaled = box.scaled((double) width / grid.columns(), (double) height / grid.rows());
    double x = scaled.left();
    double y = scaled.top();
    frame(x, y, scaled.right() - x, scaled.bottom() - y, color, 3);
    return this;
  }

  /** What has been drawn. */
  public Picture picture() {
    List<Consumer<Graphics2D>> drawn = List.copyOf(shapes);
    return new Picture(
        width + (bar ? BAR_SPACE : 0),
        height,
        graphics -> {
          graphics.drawImage(pixels, 0, 0, null);
          drawn.forEach(shape -> shape.accept(graphics));
        });
  }

  private void check(int patches) {
    if (patches != grid.patches()) {
      throw new IllegalArgumentException(
          "a grid of %s patches has %d, got %d".formatted(grid, grid.patches(), patches));
    }
  }

  /** The colour of a patch; null leaves it alone. */
  private interface Paint {
    Color of(int patch);
  }

  private void fill(Paint paint) {
    for (int patch = 0; patch < grid.patches(); patch++) {
      Color color = paint.of(patch);
      int bottom = top(grid.row(patch) + 1);
      int right = left(grid.column(patch) + 1);
      for (int y = top(grid.row(patch)); color != null && y < bottom; y++) {
        for (int x = left(grid.column(patch)); x < right; x++) {
          Color below = new Color(pixels.getRGB(x, y));
          pixels.setRGB(x, y, ColorMap.blend(below, color, photograph ? OPACITY : 1).getRGB());
        }
      }
    }
  }

  private void gray() {
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        Color color = new Color(pixels.getRGB(x, y));
        int luma = (299 * color.getRed() + 587 * color.getGreen() + 114 * color.getBlue()) / 1000;
        pixels.setRGB(x, y, new Color(luma, luma, luma).getRGB());
      }
    }
  }

  private int left(int column) {
    return column * width / grid.columns();
  }

  private int top(int row) {
    return row * height / grid.rows();
  }

  private void frame(double x, double y, double w, double h, Color color, float line) {
    Rectangle2D box = new Rectangle2D.Double(x, y, w, h);
    shapes.add(
        graphics -> {
          graphics.setColor(color);
          graphics.setStroke(new BasicStroke(line));
          graphics.draw(box);
        });
  }

  private void drawBar(Graphics2D graphics, double least, double most) {
    int x = width + BAR_GAP;
    int top = BAR_GAP;
    int length = height - 2 * BAR_GAP;
    for (int i = 0; i < length; i++) {
      graphics.setColor(ColorMap.of(1 - (double) i / (length - 1)));
      graphics.fillRect(x, top + i, BAR_WIDTH, 1);
    }
    graphics.setColor(Color.BLACK);
    graphics.setFont(FONT);
    int text = x + BAR_WIDTH + 4;
    graphics.drawString(label(most), text, top + FONT.getSize());
    graphics.drawString(label((least + most) / 2), text, height / 2 + FONT.getSize() / 2);
    graphics.drawString(label(least), text, top + length);
  }

  private static String label(double value) {
    return String.format(Locale.ROOT, Math.abs(value) >= 10 ? "%.0f" : "%.2g", value);
  }
}
