package dev.fovea;

import dev.fovea.checkpoint.VitWeights;
import java.util.function.DoubleUnaryOperator;

/**
 * The forward pass once more, in float64 and plain loops over the weights, for images of the size
 * of the stored grid, with places where a test can change what it does.
 */
final class PlainVit {

  /** Changes, and ways to look, block by block. */
  interface Hooks {

    /** Queries, keys and values of every token, [tokens, 3 D]. */
    default void qkv(int block, double[][] qkv) {}

    /** A key and a value that no token has, [2, D]; none if null. */
    default double[][] constant(int block) {
      return null;
    }

    /** What the second matrix of the MLP is going to read, [tokens, F]. */
    default void hidden(int block, double[][] hidden) {}

    /** The tokens after the block, [tokens, D]. */
    default void tokens(int block, double[][] x) {}
  }

  private final VitWeights weights;
  private final VitConfig config;

  PlainVit(VitWeights weights) {
    this.weights = weights;
    this.config = weights.config();
  }

  /** As many zeros as there are rows, in front of which stand the model's own registers. */
  double[][] registers(int own, int zeros) {
    double[][] rows = new double[own + zeros][config.width()];
    for (int i = 0; i < own * config.width(); i++) {
      rows[i / config.width()][i % config.width()] = weights.read("register_tokens")[i];
    }
    return rows;
  }

  /** The tokens before the final LayerNorm, [tokens, D]. */
  double[][] run(Image.Planes image, double[][] registers, Hooks hooks) {
    double[][] x = embed(image, registers);
    for (int block = 0; block < config.depth(); block++) {
      String name = "blocks." + block + ".";
      double[][] qkv = linear(norm(x, name + "norm1"), name + "attn.qkv");
      hooks.qkv(block, qkv);
      double[][] attended = attention(qkv, hooks.constant(block));
      add(x, linear(attended, name + "attn.proj"), name + "ls1.gamma");
      double[][] hidden = hidden(norm(x, name + "norm2"), name + "mlp.");
      hooks.hidden(block, hidden);
      boolean gated = config.mlp() == VitConfig.Mlp.SWIGLU;
      add(x, linear(hidden, name + "mlp." + (gated ? "w3" : "fc2")), name + "ls2.gamma");
      hooks.tokens(block, x);
    }
    return x;
  }

  /** The final LayerNorm. */
  double[][] finish(double[][] x) {
    return norm(x, "norm");
  }

  private double[][] embed(Image.Planes image, double[][] registers) {
    int side = config.patch();
    int grid = config.grid();
    float[] positions = weights.read("pos_embed");
    double[][] patches = new double[grid * grid][3 * side * side];
    for (int patch = 0; patch < patches.length; patch++) {
      for (int i = 0; i < patches[patch].length; i++) {
        int channel = i / (side * side);
        int y = patch / grid * side + i / side % side;
        int x = patch % grid * side + i % side;
        patches[patch][i] = image.samples()[(channel * image.height() + y) * image.width() + x];
      }
    }
    double[][] projected = linear(patches, "patch_embed.proj");
    double[][] tokens = new double[1 + registers.length + patches.length][config.width()];
    float[] cls = weights.read("cls_token");
    for (int c = 0; c < config.width(); c++) {
      tokens[0][c] = cls[c] + (double) positions[c];
      for (int i = 0; i < registers.length; i++) {
        tokens[1 + i][c] = registers[i][c];
      }
      for (int i = 0; i < patches.length; i++) {
        tokens[1 + registers.length + i][c] =
            projected[i][c] + positions[(1 + i) * config.width() + c];
      }
    }
    return tokens;
  }

  private double[][] hidden(double[][] normed, String name) {
    if (config.mlp() == VitConfig.Mlp.GELU) {
      return map(linear(normed, name + "fc1"), x -> 0.5 * x * (1 + erf(x / Math.sqrt(2))));
    }
    double[][] both = linear(normed, name + "w12");
    double[][] result = new double[both.length][config.hidden()];
    for (int i = 0; i < both.length; i++) {
      for (int j = 0; j < config.hidden(); j++) {
        double gate = both[i][j];
        result[i][j] = gate / (1 + Math.exp(-gate)) * both[i][config.hidden() + j];
      }
    }
    return result;
  }

  private double[][] attention(double[][] qkv, double[][] constant) {
    int width = config.width();
    int d = width / config.heads();
    double[][] result = new double[qkv.length][width];
    int keys = qkv.length + (constant == null ? 0 : 1);
    for (int row = 0; row < qkv.length * config.heads(); row++) {
      int from = row % config.heads() * d;
      double[] query = qkv[row / config.heads()];
      double[] weight = new double[keys];
      double sum = 0;
      for (int key = 0; key < keys; key++) {
        double score = 0;
        for (int c = from; c < from + d; c++) {
          score += query[c] * (key < qkv.length ? qkv[key][width + c] : constant[0][c]);
        }
        weight[key] = Math.exp(score / Math.sqrt(d));
        sum += weight[key];
      }
      for (int key = 0; key < keys; key++) {
        for (int c = from; c < from + d; c++) {
          double value = key < qkv.length ? qkv[key][2 * width + c] : constant[1][c];
          result[row / config.heads()][c] += weight[key] / sum * value;
        }
      }
    }
    return result;
  }

  private double[][] norm(double[][] x, String name) {
    float[] weight = weights.read(name + ".weight");
    float[] bias = weights.read(name + ".bias");
    double[][] result = new double[x.length][config.width()];
    for (int row = 0; row < x.length; row++) {
      double mean = 0;
      double variance = 0;
      for (double value : x[row]) {
        mean += value / config.width();
      }
      for (double value : x[row]) {
        variance += (value - mean) * (value - mean) / config.width();
      }
      for (int c = 0; c < config.width(); c++) {
        double normed = (x[row][c] - mean) / Math.sqrt(variance + config.normEpsilon());
        result[row][c] = normed * weight[c] + bias[c];
      }
    }
    return result;
  }

  private double[][] linear(double[][] x, String name) {
    float[] weight = weights.read(name + ".weight");
    float[] bias = weights.read(name + ".bias");
    double[][] result = new double[x.length][bias.length];
    for (int row = 0; row < x.length; row++) {
      for (int out = 0; out < bias.length; out++) {
        double sum = bias[out];
        for (int in = 0; in < x[row].length; in++) {
          sum += x[row][in] * weight[out * x[row].length + in];
        }
        result[row][out] = sum;
      }
    }
    return result;
  }

  private void add(double[][] x, double[][] branch, String scale) {
    float[] gamma = weights.read(scale);
    for (int row = 0; row < x.length; row++) {
      for (int c = 0; c < gamma.length; c++) {
        x[row][c] += gamma[c] * branch[row][c];
      }
    }
  }

  private static double[][] map(double[][] rows, DoubleUnaryOperator function) {
    for (double[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        row[i] = function.applyAsDouble(row[i]);
      }
    }
    return rows;
  }

  /** By its power series with positive terms (Abramowitz and Stegun 7.1.6). */
  private static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x);
    }
    double term = x;
    double sum = 0;
    for (int n = 0; n < 200; n++) {
      sum += term;
      term *= 2 * x * x / (2 * n + 3);
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }
}
