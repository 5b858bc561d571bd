package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Sizes;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cpu.HalfPrecision;
import dev.fovea.kernels.cpu.Linear;

/**
 * A weight in panels of {@link Lanes#PANEL} columns (columns of y, rows of W), [panel, input,
 * column], so that the micro-kernel reads it from front to back. Missing columns of the last panel
 * are zero.
 *
 * <p>With SwiGLU a panel holds one vector of gate columns, then the vector of the up columns that
 * they gate, so that a tile has both.
 */
final class PanelLinear implements Linear {

  private final int inputs;
  private final int outputs;
  private final boolean gated;
  private final WeightStorage storage;
  private final float[] bias;

  /** The panels if they are stored as F32, otherwise empty. */
  private final float[] floats;

  /** The panels if they are stored in 16 bits, otherwise empty. */
  private final short[] halves;

  PanelLinear(float[] weight, float[] bias, Activation activation, WeightStorage storage) {
    this.storage = storage;
    gated = activation == Activation.SWIGLU;
    inputs = weight.length / bias.length;
    outputs = gated ? bias.length / 2 : bias.length;
    int size = Sizes.elements("a packed weight", panels(), inputs, PANEL);
    floats = new float[storage == WeightStorage.F32 ? size : 0];
    halves = new short[storage == WeightStorage.F32 ? 0 : size];
    this.bias = new float[panels() * PANEL];
    for (int column = 0; column < this.bias.length; column++) {
      int row = weightRow(column);
      if (row >= 0) {
        this.bias[column] = bias[row];
        packColumn(weight, row, column);
      }
    }
  }

  /** The row of the weight that is stored as this column, or -1 for padding. */
  private int weightRow(int column) {
    if (!gated) {
      return column < outputs ? column : -1;
    }
    int output = column / PANEL * COUNT + column % COUNT;
    if (output >= outputs) {
      return -1;
    }
    return column % PANEL < COUNT ? output : outputs + output;
  }

  private void packColumn(float[] weight, int row, int column) {
    int to = column / PANEL * inputs * PANEL + column % PANEL;
    int from = row * inputs;
    if (storage == WeightStorage.F32) {
      scatter(weight, from, inputs, floats, to);
      return;
    }
    for (int i = 0; i < inputs; i++) {
      halves[to + i * PANEL] = HalfPrecision.round(weight[from + i], storage);
    }
  }

  /** Writes elements to a column of a panel, one row after another. */
  static void scatter(float[] elements, int from, int count, float[] panels, int to) {
    for (int i = 0; i < count; i++) {
      panels[to + i * PANEL] = elements[from + i];
    }
  }

  int inputs() {
    return inputs;
  }

  /** Columns of y. */
  int outputs() {
    return outputs;
  }

  int panels() {
    return Lanes.steps(outputs, panelOutputs());
  }

  /** Columns of y that a whole panel gives. */
  int panelOutputs() {
    return gated ? COUNT : PANEL;
  }

  /** One element a column, in the order of the panels. */
  float[] bias() {
    return bias;
  }

  /** True if the panels must be widened before they can be multiplied. */
  boolean isHalf() {
    return storage != WeightStorage.F32;
  }

  /** The panels, which start every {@link #panelSize}; empty if they are in 16 bits. */
  float[] floats() {
    return floats;
  }

  int panelSize() {
    return inputs * PANEL;
  }

  /** Writes the float32 values of some elements of 16 bits, a whole number of vectors. */
  void widen(int from, int count, float[] target, int offset) {
    Widening.widen(storage, halves, from, count, target, offset);
  }

  /** Rows of {@code width} outputs, each padded like the columns of an ungated weight. */
  static float[] padded(float[] rows, int width) {
    int paddedWidth = Lanes.steps(width, PANEL) * PANEL;
    float[] padded = new float[Sizes.elements("padded rows", rows.length / width, paddedWidth)];
    for (int row = 0; row < rows.length / width; row++) {
      System.arraycopy(rows, row * width, padded, row * paddedWidth, width);
    }
    return padded;
  }

  @Override
  public long bytes() {
    return (long) Float.BYTES * (floats.length + bias.length) + (long) Short.BYTES * halves.length;
  }
}
