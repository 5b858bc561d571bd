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
import java.util.List;
import jdk.incubator.vector.FloatVector;

/**
 * The verbs on the Vector API: matrix products of packed panels, with everything else fused into
 * the way in (LayerNorm, pixels) and the way out (bias, activation, LayerScale, residual).
 *
 * <p>Measured on the machine of {@link MicroKernel} and by the same command: {@code attention} of
 * 261 tokens 130 GF/s, the other verbs as said there. {@code ./bench/run jmh ForwardBenchmark -p
 * model=small-reg4} gave 65 ms on one thread and 34 ms on two for a ViT-S at 224 pixels (12.5
 * GFLOP). What is missing to the peak is packing and remainders (261 rows fill 264).
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
    Task projection =
        new GemmTask(x.images(), patches, panels, Columns.all(x), scratch) {
          @Override
          void packRow(int image, int imageRow, float[] target, int offset, int row) {
            pixels.readPatch(image, imageRow - prefix, patch, target, offset, Lanes.TILE);
          }

          @Override
          void finish(float[] tile, int offset, int panel) {
            Epilogue.addBias(tile, offset, panels.bias(), panel * PANEL);
          }

          @Override
          void store(
              float[] tile, int offset, int image, int imageRow, int column, int columnCount) {
            int to = x.offset(image, imageRow) + column;
            int position = imageRow * x.width() + column;
            for (int j = 0; j < columnCount; j++) {
              x.data()[to + j] = tile[offset + j] + table[position + j];
            }
          }
        };
    return List.of(new PrefixTask(table, prefix, x), projection);
  }

  /** Copies the rows before the first patch: one piece an image. */
  private record PrefixTask(float[] table, int prefix, CpuTokens x) implements Task {
    @Override
    public int count() {
      return x.images();
    }

    @Override
    public void run(int image, int slot) {
      System.arraycopy(table, 0, x.data(), x.offset(image, 0), prefix * x.width());
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
    return List.of(
        new GemmTask(x.images(), rows, panels, columns, scratch) {
          @Override
          void packRow(int image, int imageRow, float[] target, int offset, int row) {
            int from = x.offset(image, imageRow);
            RowNorm.apply(x.data(), from, norm, target, row, target, row + x.width());
            spread(target, row, x.width(), target, offset);
          }

          @Override
          void finish(float[] tile, int offset, int panel) {
            Epilogue.addBias(tile, offset, panels.bias(), panel * PANEL);
            Epilogue.activate(activation, tile, offset);
          }

          @Override
          void store(
              float[] tile, int offset, int image, int imageRow, int column, int columnCount) {
            int to = y.offset(image, imageRow) + column;
            System.arraycopy(tile, offset, y.data(), to, columnCount);
          }
        });
  }

  @Override
  public List<Task> linearAdd(
      CpuTokens a, Rows rows, Linear linear, float[] gamma, CpuTokens x, Scratch scratch) {
    PanelLinear panels = (PanelLinear) linear;
    float[] paddedGamma = PanelLinear.padded(gamma);
    return List.of(
        new GemmTask(a.images(), rows, panels, Columns.all(x), scratch) {
          @Override
          void packRow(int image, int imageRow, float[] target, int offset, int row) {
            spread(a.data(), a.offset(image, imageRow), a.width(), target, offset);
          }

          @Override
          void finish(float[] tile, int offset, int panel) {
            Epilogue.addBias(tile, offset, panels.bias(), panel * PANEL);
            Epilogue.scale(tile, offset, paddedGamma, panel * PANEL);
          }

          @Override
          void store(
              float[] tile, int offset, int image, int imageRow, int column, int columnCount) {
            int to = x.offset(image, imageRow) + column;
            for (int j = 0; j < columnCount; j++) {
              x.data()[to + j] += tile[offset + j];
            }
          }
        });
  }

  @Override
  public List<Task> attention(AttentionStep step, Scratch scratch) {
    KeyValuePacking packed = new KeyValuePacking(step, scratch);
    return List.of(packed, new AttentionTask(step, packed, scratch));
  }

  @Override
  public List<Task> norm(CpuTokens x, Rows rows, NormWeights norm, CpuTokens y, Scratch scratch) {
    scratch.reserve(RowNorm.SCRATCH);
    return List.of(new NormTask(x, rows, norm, y, scratch));
  }

  /** LayerNorm of single rows: one piece for a few of them. */
  private record NormTask(CpuTokens x, Rows rows, NormWeights norm, CpuTokens y, Scratch scratch)
      implements Task {

    private static final int ROWS_PER_PIECE = 32;

    private int pieces() {
      return Lanes.steps(rows.count(), ROWS_PER_PIECE);
    }

    @Override
    public int count() {
      return Math.multiplyExact(x.images(), pieces());
    }

    @Override
    public void run(int index, int slot) {
      int image = index / pieces();
      int first = rows.first() + index % pieces() * ROWS_PER_PIECE;
      for (int row = first; row < Math.min(first + ROWS_PER_PIECE, rows.end()); row++) {
        int from = x.offset(image, row);
        RowNorm.apply(x.data(), from, norm, y.data(), y.offset(image, row), scratch.of(slot), 0);
      }
    }
  }
}
