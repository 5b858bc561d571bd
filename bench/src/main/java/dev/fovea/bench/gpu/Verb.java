package dev.fovea.bench.gpu;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Tokens;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** One verb of a network at one size, on numbers of its own. */
interface Verb {

  /** What the verb does in a network. */
  String name();

  /** Whether our kernels for it come in tiles. */
  boolean isProduct();

  /**
   * Declares matrices and fills what is read, all images and all copies alike.
   *
   * @param number of the copy, from 0 on; its weights are packed when a device is first asked for
   *     it
   */
  Copy prepare(Device device, Recorder recorder, int number);

  /** Weights and matrices of their own. */
  interface Copy {

    /** Appends the verb. */
    void record();

    /** What it writes. */
    Tokens result();

    /** Fills pixels before the plan runs, if there are any. */
    default void fillPixels() {}
  }

  /**
   * Rows of one image, in float64.
   *
   * @param rounding what the device's 16 bits keep of a number
   */
  Exact exact(DoubleUnaryOperator rounding);

  /** What has to come out. */
  interface Exact {

    /** One row of an image. */
    double[] row(int row);

    /**
     * Sum of the squares of errors that rounding cannot avoid.
     *
     * @param exact what {@link #row} gave
     */
    double unavoidable(int row, double[] exact);
  }

  /** How many times the unavoidable error is allowed. */
  double allowance();

  /** Floating-point operations, two for a multiply-add. */
  long operations();

  /** Bytes that have to be read and written at the least. */
  long bytes();

  /** Keys of its rows beside those of every row. */
  Map<String, Object> keys();
}
