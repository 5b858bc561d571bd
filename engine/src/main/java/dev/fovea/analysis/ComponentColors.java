package dev.fovea.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The principal components of the patches of one image or several as colours: patches that the
 * model finds alike look alike, across images.
 *
 * @param images for every image its patches' first three components, [P][3], each divided by its
 *     standard deviation; null for patches of the background
 */
public record ComponentColors(List<double[][]> images) {

  /** Components: red, green and blue. */
  private static final int COLORS = 3;

  /** Patches that three components need to mean something. */
  private static final int LEAST_PATCHES = 4;

  /**
   * Colours all patches.
   *
   * @param images of one model, at least one; their sizes may differ
   * @throws IllegalArgumentException if there are fewer than four patches or three channels
   */
  public static ComponentColors of(List<PatchFeatures> images) {
    boolean[] all = new boolean[PatchFeatures.join(images).length / images.getFirst().width()];
    Arrays.fill(all, true);
    return colors(images, all);
  }

  /**
   * Colours the patches of the foreground alone. The first component of all patches, scaled to 0 to
   * 1, tells fore- from background; its sign is chosen so that the patches along the images' edges
   * are below the others on average. The colours are then components of the foreground's patches.
   *
   * @param threshold patches above it are foreground, 0 to 1
   * @throws IllegalArgumentException as {@link #of(List)}, the foreground's patches being counted
   */
  public static ComponentColors foreground(List<PatchFeatures> images, double threshold) {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new IllegalArgumentException("the threshold is from 0 to 1, got " + threshold);
    }
    float[] rows = PatchFeatures.join(images);
    int width = images.getFirst().width();
    double[][] projected = PrincipalComponents.of(rows, width, 1).project(rows);
    double[] first = Arrays.stream(projected).mapToDouble(row -> row[0]).toArray();
    Vectors.scale(first, edgesAreAbove(images, first) ? -1 : 1);
    double least = Arrays.stream(first).min().orElseThrow();
    double range = Arrays.stream(first).max().orElseThrow() - least;
    boolean[] wanted = new boolean[first.length];
    for (int i = 0; i < first.length; i++) {
      wanted[i] = (first[i] - least) > threshold * range;
    }
    return colors(images, wanted);
  }

  private static boolean edgesAreAbove(List<PatchFeatures> images, double[] values) {
    double edge = 0;
    double inner = 0;
    int edges = 0;
    int at = 0;
    for (PatchFeatures image : images) {
      for (int patch = 0; patch < image.grid().patches(); patch++, at++) {
        boolean isEdge = Neighbours.of(image.grid(), patch).length < 4;
        edges += isEdge ? 1 : 0;
        edge += isEdge ? values[at] : 0;
        inner += isEdge ? 0 : values[at];
      }
    }
    // Mean of the edge above mean of the rest, without dividing by a count that may be zero.
    return edge * (values.length - edges) > inner * edges;
  }

  private static ComponentColors colors(List<PatchFeatures> images, boolean[] wanted) {
    int width = images.getFirst().width();
    float[] rows = select(PatchFeatures.join(images), wanted, width);
    if (rows.length / width < LEAST_PATCHES || width < COLORS) {
      throw new IllegalArgumentException(
          String.format(
              "colours need at least %d patches and %d channels, got %d and %d: use larger images,"
                  + " or a lower threshold of the foreground",
              LEAST_PATCHES, COLORS, rows.length / width, width));
    }
    PrincipalComponents components = PrincipalComponents.of(rows, width, COLORS);
    double[][] projected = components.project(rows);
    List<double[][]> result = new ArrayList<>();
    int next = 0;
    int at = 0;
    for (PatchFeatures image : images) {
      double[][] colors = new double[image.grid().patches()][];
      for (int patch = 0; patch < colors.length; patch++) {
        colors[patch] = wanted[at++] ? whitened(projected[next++], components) : null;
      }
      result.add(colors);
    }
    return new ComponentColors(List.copyOf(result));
  }

  private static double[] whitened(double[] projected, PrincipalComponents components) {
    double[] result = new double[COLORS];
    for (int i = 0; i < COLORS; i++) {
      double deviation = Math.sqrt(components.variances()[i]);
      result[i] = deviation > 0 ? projected[i] / deviation : 0;
    }
    return result;
  }

  private static float[] select(float[] rows, boolean[] wanted, int width) {
    float[] selected = new float[rows.length];
    int end = 0;
    for (int row = 0; row < wanted.length; row++) {
      if (wanted[row]) {
        System.arraycopy(rows, row * width, selected, end, width);
        end += width;
      }
    }
    return Arrays.copyOf(selected, end);
  }

  /**
   * The colours of one image.
   *
   * @param image its index
   * @param deviations standard deviations that are as dark or as bright as can be; 3 in the
   *     registers paper
   * @return [P] as 0xRRGGBB, -1 for the background
   */
  public int[] rgb(int image, double deviations) {
    return Arrays.stream(images.get(image)).mapToInt(color -> rgb(color, deviations)).toArray();
  }

  private static int rgb(double[] color, double deviations) {
    if (color == null) {
      return -1;
    }
    int rgb = 0;
    for (double value : color) {
      double share = Math.clamp(0.5 + value / (2 * deviations), 0.0, 1.0);
      rgb = rgb << 8 | (int) Math.round(255 * share);
    }
    return rgb;
  }
}
