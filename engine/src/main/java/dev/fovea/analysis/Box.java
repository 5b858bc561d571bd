package dev.fovea.analysis;

/**
 * A rectangle in an image, x to the right and y down; {@code right} and {@code bottom} are just
 * outside.
 *
 * @param left first column
 * @param top first row
 * @param right one past the last column
 * @param bottom one past the last row
 */
public record Box(double left, double top, double right, double bottom) {

  /** Checks that it has an inside. */
  public Box {
    if (!(left < right && top < bottom)) {
      throw new IllegalArgumentException(
          "a box has left < right and top < bottom, got %s, %s to %s, %s"
              .formatted(left, top, right, bottom));
    }
  }

  /** Its area. */
  public double area() {
    return (right - left) * (bottom - top);
  }

  /** Intersection over union, from 0 to 1. */
  public double overlap(Box other) {
    double width = Math.min(right, other.right) - Math.max(left, other.left);
    double height = Math.min(bottom, other.bottom) - Math.max(top, other.top);
    if (width <= 0 || height <= 0) {
      return 0;
    }
    double intersection = width * height;
    return intersection / (area() + other.area() - intersection);
  }

  /** The same in other units: both axes multiplied. */
  public Box scaled(double x, double y) {
    return new Box(left * x, top * y, right * x, bottom * y);
  }

  /** What of it is in an image, of which it must cover a part. */
  public Box within(double width, double height) {
    return new Box(
        Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom));
  }
}
