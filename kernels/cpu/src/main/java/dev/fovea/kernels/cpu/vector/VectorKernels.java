package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cpu.AttentionStep;
import dev.fovea.kernels.cpu.CpuKernels;
import dev.fovea.kernels.cpu.CpuPixels;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Linear;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;
import dev.fovea.kernels.cpu.TokenLayout;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/**
 * The verbs on the Vector API: matrix products of packed panels, with everything else fused into
 * the way in (LayerNorm, pixels) and the way out (bias, activation, LayerScale, residual).
 *
 * <p>Measured on one core of an AMD EPYC (Zen 5) at 512 bits, 261 tokens, weights that come from
 * memory as in a model: products 79 to 88 % of the peak of multiply-adds, attention 63 %; {@code
 * bench/JOURNAL.md} says where the rest goes.
 */
public final class VectorKernels implements CpuKernels {

  /** Width of this machine's vectors. */
  public static int preferredBits() {
    return FloatVector.SPECIES_PREFERRED.vectorBitSize();
  }

  @Override
  public String description() {
    return "vector kernels of " + Lanes.SPECIES.vectorBitSize() + " bits";
  }

  @Override
  public void rehearse(WeightStorage storage) {
    new KernelRehearsal(storage).run();
  }

  @Override
  public TokenLayout layout(int width) {
    return new TokenLayout(Lanes.TILE, RowTiles.CHAIN);
  }

  @Override
  public Linear pack(float[] weight, float[] bias, Activation activation, WeightStorage storage) {
    return new PanelLinear(weight, bias, activation, storage);
  }

  @Override
  public List<Task> patchEmbed(
      CpuPixels pixels,
      int patch,
      Linear linear,
      PositionTable positions,
      CpuTokens x,
      Scratch scratch) {
    PanelLinear panels = (PanelLinear) linear;
    float[] table = positions.rows().clone();
    int prefix = positions.prefix();
    Rows patches = new Rows(prefix, x.rows() - prefix);
    LeftRows left = LeftRows.packed(x.images(), patches, panels.inputs(), scratch);
    RowPacking packing =
        new RowPacking(left, panels.inputs(), scratch) {
          @Override
          void pack(int image, int imageRow, float[] tiles, int to, float[] memory) {
            pixels.readPatch(image, imageRow - prefix, patch, memory, 0);
            RowTiles.write(memory, 0, panels.inputs(), tiles, to);
          }
        };
    float[] ones = new float[x.width()];
    Arrays.fill(ones, 1);
    Task projection = addition(left, panels, ones, x, scratch);
    return List.of(new PositionsTask(table, x), packing, projection);
  }

  /** Copies the rows of the position table, CLS and registers included: one piece an image. */
  private record PositionsTask(float[] table, CpuTokens x) implements Task {
    @Override
    public int count() {
      return x.images();
    }

    @Override
    public void run(int image, int slot) {
      for (int row = 0; row < x.rows(); row++) {
        x.write(table, row * x.width(), x.width(), image, row, 0);
      }
    }
  }

  @Override
  public List<Task> normLinear(
      CpuTokens x,
      Rows rows,
      NormWeights norm,
      Linear linear,
      Activation activation,
      Columns columns,
      CpuTokens y,
      Scratch scratch) {
    PanelLinear panels = (PanelLinear) linear;
    LeftRows left = LeftRows.packed(x.images(), rows, x.width(), scratch);
    RowPacking packing =
        new RowPacking(left, RowNorm.SCRATCH, scratch) {
          @Override
          void pack(int image, int imageRow, float[] tiles, int to, float[] memory) {
            int from = x.offset(image, imageRow);
            RowNorm.apply(x.data(), from, norm, tiles, to, memory, 0);
          }
        };
    Task product =
        new GemmTask(left, panels, columns, y, scratch) {
          @Override
          void finish(
              float[] memory,
              int from,
              int rows,
              int imageRow,
              int panel,
              float[] target,
              int to,
              int scratch) {
            int bias = panel * PANEL;
            Epilogue.activate(
                activation, memory, from, rows, panels.bias(), bias, target, to, scratch);
          }
        };
    return List.of(packing, product);
  }

  @Override
  public List<Task> linearAdd(
      CpuTokens a, Rows rows, Linear linear, float[] gamma, CpuTokens x, Scratch scratch) {
    return List.of(addition(LeftRows.of(a, rows), (PanelLinear) linear, gamma, x, scratch));
  }

  /** {@code x += gamma * (left W^T + b)}. */
  private static Task addition(
      LeftRows left, PanelLinear panels, float[] gamma, CpuTokens x, Scratch scratch) {
    float[] paddedGamma = PanelLinear.padded(gamma, gamma.length);
    return new GemmTask(left, panels, Columns.all(x), x, scratch) {
      @Override
      void finish(
          float[] memory,
          int from,
          int rows,
          int imageRow,
          int panel,
          float[] target,
          int to,
          int scratch) {
        int bias = panel * PANEL;
        Epilogue.addScaled(memory, from, rows, panels.bias(), paddedGamma, bias, target, to);
      }
    };
  }

  @Override
  public List<Task> attention(AttentionStep step, Scratch scratch) {
    KeyValuePacking packed = new KeyValuePacking(step, scratch);
    return List.of(packed, new AttentionTask(step, packed, scratch));
  }

  @Override
  public List<Task> norm(CpuTokens x, Rows rows, NormWeights norm, CpuTokens y, Scratch scratch) {
    scratch.reserve(RowNorm.SCRATCH);
    int pieces = Shares.parts(rows.count(), NormTask.MOST_ROWS, x.images(), scratch.slots());
    return List.of(new NormTask(x, rows, norm, y, scratch, pieces));
  }

  /** LayerNorm of single rows, those of every image in so many pieces. */
  private record NormTask(
      CpuTokens x, Rows rows, NormWeights norm, CpuTokens y, Scratch scratch, int pieces)
      implements Task {

    private static final int MOST_ROWS = 32;

    @Override
    public int count() {
      return Math.multiplyExact(x.images(), pieces);
    }

    @Override
    public void run(int index, int slot) {
      int image = index / pieces;
      int part = index % pieces;
      int end = Shares.start(rows.count(), part + 1, pieces);
      for (int i = Shares.start(rows.count(), part, pieces); i < end; i++) {
        int row = rows.first() + i;
        int from = x.offset(image, row);
        int to = y.offset(image, row);
        RowNorm.apply(x.data(), from, norm, y.data(), to, scratch.of(slot), 0);
      }
    }
  }
}
