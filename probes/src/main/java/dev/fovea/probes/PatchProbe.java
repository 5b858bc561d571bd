package dev.fovea.probes;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.LinearSolverFactory_DDRM;
import org.ejml.interfaces.linsol.LinearSolverDense;

/**
 * What a patch's token still knows of the patch: linear models of its position and of its pixels,
 * in closed form from sums over all patches, so that no token has to stay in memory.
 *
 * <p>The position is predicted by linear discriminants (every position a class, one covariance for
 * all), the pixels by least squares. Both are shrunk: {@code ridge} times the mean variance of the
 * channels is added to the variance of each.
 */
public final class PatchProbe {

  private final int channels;
  private final int patches;
  private final int pixels;
  private long images;

  /** Sum of x x^T, [D, D]. */
  private final DMatrixRMaj squares;

  /** Sum of x at every position, [P, D]. */
  private final DMatrixRMaj atPosition;

  /** Sum of x y^T, [D, pixels]. */
  private final DMatrixRMaj products;

  /** Sum of y, [pixels]. */
  private final double[] pixelSums;

  /**
   * A probe without knowledge.
   *
   * @param channels of a token, D
   * @param patches of an image, P
   * @param pixels numbers in a patch
   */
  public PatchProbe(int channels, int patches, int pixels) {
    this.channels = channels;
    this.patches = patches;
    this.pixels = pixels;
    this.squares = new DMatrixRMaj(channels, channels);
    this.atPosition = new DMatrixRMaj(patches, channels);
    this.products = new DMatrixRMaj(channels, pixels);
    this.pixelSums = new double[pixels];
  }

  /**
   * Takes an image into account.
   *
   * @param tokens [P, D]
   * @param targets [P, pixels]
   * @throws IllegalArgumentException if the image has not as many patches as the others
   */
  public void add(float[] tokens, float[] targets) {
    if (tokens.length != patches * channels || targets.length != patches * pixels) {
      throw new IllegalArgumentException(
          String.format(
              "all images must have %d patches of %d channels, got one of %d; choose a crop",
              patches, channels, tokens.length / channels));
    }
    DMatrixRMaj x = matrix(tokens, patches, channels);
    DMatrixRMaj y = matrix(targets, patches, pixels);
    CommonOps_DDRM.multAddTransA(x, x, squares);
    CommonOps_DDRM.addEquals(atPosition, x);
    CommonOps_DDRM.multAddTransA(x, y, products);
    for (int i = 0; i < y.getNumElements(); i++) {
      pixelSums[i % pixels] += y.get(i);
    }
    images++;
  }

  /**
   * The linear discriminants of the positions: the position of a token is the largest output.
   *
   * @throws IllegalArgumentException if there was one image only, which says nothing about the
   *     variance at a position
   */
  public LinearMap positions(double ridge) {
    if (images < 2) {
      throw new IllegalArgumentException(
          "positions can be learnt from two images at least, got " + images);
    }
    DMatrixRMaj means = atPosition.copy(); // [P, D]
    CommonOps_DDRM.divide(means, (double) images);
    DMatrixRMaj covariance = squares.copy();
    CommonOps_DDRM.multAddTransA(-(double) images, means, means, covariance);
    CommonOps_DDRM.divide(covariance, (double) (images - 1) * patches);
    DMatrixRMaj weights = solve(covariance, ridge, transposed(means)); // [D, P]
    float[] bias = new float[patches];
    for (int patch = 0; patch < patches; patch++) {
      double half = 0;
      for (int channel = 0; channel < channels; channel++) {
        half += means.get(patch, channel) * weights.get(channel, patch) / 2;
      }
      bias[patch] = (float) -half; // every position is in every image: equal priors
    }
    return new LinearMap(channels, rows(weights), bias);
  }

  /** The least squares fit of the pixels. */
  public LinearMap pixels(double ridge) {
    double samples = (double) images * patches;
    double[] mean = new double[channels];
    for (int i = 0; i < atPosition.getNumElements(); i++) {
      mean[i % channels] += atPosition.get(i) / samples;
    }
    DMatrixRMaj covariance = squares.copy();
    CommonOps_DDRM.divide(covariance, samples);
    DMatrixRMaj joint = products.copy();
    CommonOps_DDRM.divide(joint, samples);
    for (int channel = 0; channel < channels; channel++) {
      for (int other = 0; other < channels; other++) {
        covariance.add(channel, other, -mean[channel] * mean[other]);
      }
      for (int pixel = 0; pixel < pixels; pixel++) {
        joint.add(channel, pixel, -mean[channel] * pixelSums[pixel] / samples);
      }
    }
    DMatrixRMaj weights = solve(covariance, ridge, joint); // [D, pixels]
    float[] bias = new float[pixels];
    for (int pixel = 0; pixel < pixels; pixel++) {
      double constant = pixelSums[pixel] / samples;
      for (int channel = 0; channel < channels; channel++) {
        constant -= mean[channel] * weights.get(channel, pixel);
      }
      bias[pixel] = (float) constant;
    }
    return new LinearMap(channels, rows(weights), bias);
  }

  /** (covariance + ridge * mean variance * I)^-1 right. */
  private static DMatrixRMaj solve(DMatrixRMaj covariance, double ridge, DMatrixRMaj right) {
    if (!(ridge >= 0) || !Double.isFinite(ridge)) {
      throw new IllegalArgumentException("the ridge must not be negative, got " + ridge);
    }
    int size = covariance.getNumRows();
    double shrinkage = ridge * CommonOps_DDRM.trace(covariance) / size;
    for (int i = 0; i < size; i++) {
      covariance.add(i, i, shrinkage);
    }
    LinearSolverDense<DMatrixRMaj> solver = LinearSolverFactory_DDRM.symmPosDef(size);
    if (!solver.setA(covariance)) {
      throw new IllegalArgumentException(
          "the tokens do not span their "
              + size
              + " channels: more images are needed, or a ridge larger than "
              + ridge);
    }
    DMatrixRMaj solution = new DMatrixRMaj(size, right.getNumCols());
    solver.solve(right, solution);
    return solution;
  }

  private static DMatrixRMaj transposed(DMatrixRMaj matrix) {
    return CommonOps_DDRM.transpose(matrix, null);
  }

  /** The columns of a matrix, one after another. */
  private static float[] rows(DMatrixRMaj matrix) {
    DMatrixRMaj transposed = transposed(matrix);
    float[] values = new float[transposed.getNumElements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) transposed.get(i);
    }
    return values;
  }

  private static DMatrixRMaj matrix(float[] values, int rows, int columns) {
    DMatrixRMaj matrix = new DMatrixRMaj(rows, columns);
    for (int i = 0; i < values.length; i++) {
      matrix.set(i, values[i]);
    }
    return matrix;
  }
}
