package dev.fovea.cli;

import dev.fovea.PatchGrid;
import dev.fovea.analysis.Box;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.function.DoubleFunction;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/**
 * A part of a page as a browser has drawn it.
 *
 * @param page all of it
 * @param bounds of the part, as {@code getBoundingClientRect} gives them
 * @param grid in whose units places are
 */
record DrawnFigure(BufferedImage page, JsonNode bounds, PatchGrid grid) {

  private static final int SAMPLES = 40;

  /** The colour at a place, in patches. */
  Color at(double x, double y) {
    return pixel(pixelX(x), pixelY(y));
  }

  /** The colour in the middle of a patch. */
  Color at(int patch) {
    return at(grid.column(patch) + 0.5, grid.row(patch) + 0.5);
  }

  private int pixelX(double x) {
    return (int) (side("left") + x / grid.columns() * side("width"));
  }

  private int pixelY(double y) {
    return (int) (side("top") + y / grid.rows() * side("height"));
  }

  private double side(String name) {
    return bounds.get(name).asDouble();
  }

  private Color pixel(int x, int y) {
    return new Color(page.getRGB(x, y));
  }

  /** How much of the sides of a box, in patches, has a colour, within two pixels: of the least. */
  double framed(Box box, Predicate<Color> wanted) {
    double width = box.right() - box.left();
    double height = box.bottom() - box.top();
    double across =
        Math.min(
            share(part -> near(box.left() + part * width, box.top(), wanted)),
            share(part -> near(box.left() + part * width, box.bottom(), wanted)));
    double down =
        Math.min(
            share(part -> near(box.left(), box.top() + part * height, wanted)),
            share(part -> near(box.right(), box.top() + part * height, wanted)));
    return Math.min(across, down);
  }

  /** Corners may be rounded. */
  private static double share(DoubleFunction<Boolean> found) {
    int count = 0;
    for (int i = 0; i < SAMPLES; i++) {
      count += found.apply(0.1 + 0.8 * i / SAMPLES) ? 1 : 0;
    }
    return (double) count / SAMPLES;
  }

  private boolean near(double x, double y, Predicate<Color> wanted) {
    for (int dy = -2; dy <= 2; dy++) {
      for (int dx = -2; dx <= 2; dx++) {
        if (wanted.test(pixel(pixelX(x) + dx, pixelY(y) + dy))) {
          return true;
        }
      }
    }
    return false;
  }

  /** How many pixels, as far as the page is wide, have a colour. */
  long count(Predicate<Color> wanted) {
    long count = 0;
    int right = Math.min(page.getWidth(), bounds.get("right").asInt());
    for (int y = bounds.get("top").asInt(); y < bounds.get("bottom").asInt(); y++) {
      for (int x = bounds.get("left").asInt(); x < right; x++) {
        count += wanted.test(pixel(x, y)) ? 1 : 0;
      }
    }
    return count;
  }
}
