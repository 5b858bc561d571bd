package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention with all keys at once and block by block, beside float64 on the same operands. */
class AttentionKernelTest {

  static final int HEAD_WIDTH = 64;

  @ParameterizedTest
  @CsvSource({
    "F16,  1, 1,   1, 0,   1",
    "BF16, 2, 1,   2, 0,   2",
    "F16,  3, 1,  16, 0,  16",
    "BF16, 1, 2,  17, 0,  17",
    "F16,  2, 1,  63, 0,  63",
    "BF16, 1, 1,  64, 0,  64",
    "F16,  1, 1,  65, 0,  65",
    "BF16, 2, 3,  70, 0,  70",
    "F16,  1, 2, 261, 0, 261",
    "BF16, 1, 1, 272, 7, 100",
    "F16,  3, 1, 100, 0,   1",
    "F16,  1, 1, 273, 0, 273",
    "BF16, 2, 1, 321, 5, 130",
    "F16,  1, 1, 384, 0, 384",
    "F16,  1, 1, 1374, 1290, 84",
    "BF16, 1, 1, 1374, 0, 1"
  })
  void isRight(Precision precision, int images, int heads, int tokens, int first, int queries) {
    Rows asked = new Rows(first, queries);
    // Scores of deviation 0.5: no key has much of the probability, so that powers rounded to 16
    // bits
    // would make 1.3 to 1.5 times the error (where one key dominates, its power is 1 and exact).
    float[] qkv = Numbers.random(tokens, images * tokens * 3 * heads * HEAD_WIDTH, 0, 0.7);
    Head head = new Head(qkv, tokens, heads, precision);
    InterpretedGpu.with(precision).run(scene -> check(scene, head, images, asked));
  }

  /** One key takes nearly all of the probability, with scores far apart. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void extremeScoresAreRight(Precision precision) {
    for (int tokens : new int[] {90, 300}) {
      Rows asked = new Rows(0, 20);
      float[] qkv = Numbers.random(tokens, tokens * 3 * HEAD_WIDTH, 0, 12);
      Head head = new Head(qkv, tokens, 1, precision);
      InterpretedGpu.with(precision).run(scene -> check(scene, head, 1, asked));
    }
  }

  @ParameterizedTest
  @CsvSource({"70", "300"})
  void bitsDependNeitherOnBlocksNorOnNeighbours(int tokens) {
    int heads = 3;
    int width = heads * HEAD_WIDTH;
    float[] qkv = Numbers.random(1, 3 * tokens * 3 * width, 0, 1);
    InterpretedGpu.with(Precision.F16)
        .run(
            scene -> {
              // Nine heads are more blocks than processors, one head's few queries are not.
              float[] all = run(scene, qkv, 3, tokens, heads, new Rows(0, tokens));
              float[] second = new float[tokens * 3 * width];
              System.arraycopy(qkv, second.length, second, 0, second.length);
              float[] got = run(scene, second, 1, tokens, heads, new Rows(17, 20));
              float[] expected = new float[20 * width];
              System.arraycopy(all, (tokens + 17) * width, expected, 0, expected.length);
              assertThat(got).isEqualTo(expected);
            });
  }

  @ParameterizedTest
  @CsvSource({"F16, 2, 3, 70, 2, 3", "BF16, 1, 2, 261, 0, 1", "F16, 1, 1, 1374, 0, 2"})
  void probabilitiesAreRight(
      Precision precision, int images, int heads, int tokens, int first, int watched) {
    float[] qkv = Numbers.random(7, images * tokens * 3 * heads * HEAD_WIDTH, 0, 1.2);
    Head head = new Head(qkv, tokens, heads, precision);
    InterpretedGpu.with(precision)
        .run(
            scene -> {
              GpuTokens from = scene.half(images, tokens, 3 * heads * HEAD_WIDTH, qkv);
              GpuTokens to = scene.zeros(images, heads * watched, tokens, Form.FULL);
              Rows rows = new Rows(first, watched);
              scene.run(plan -> scene.kernels().probabilities(plan, from, heads, rows, to));
              float[] got = scene.full(to);
              double[] exact = new double[got.length];
              int next = 0;
              for (int image = 0; image < images; image++) {
                for (int h = 0; h < heads; h++) {
                  for (int query = first; query < first + watched; query++) {
                    for (double p : head.probabilities(image, h, query)) {
                      exact[next++] = p;
                    }
                  }
                }
              }
              // float32 sums of 64 products and one power: an absolute error of the score, which
              // is below 16, in its last places.
              assertThat(Numbers.error(got, exact)).isLessThan(16 * 8 * Math.pow(2, -24));
            });
  }

  @Test
  void otherHeadsAreRefused() {
    try (Device gpu = new CudaDevice(InterpretedDriver::new, Precision.F16, Multiplier.PTX);
        Recorder recorder = gpu.record()) {
      Tokens from = recorder.tokens(1, 5, 3 * 64);
      Tokens to = recorder.tokens(1, 5, 64);
      assertThatThrownBy(() -> recorder.attention(from, 2, Rows.all(from), to))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("have 32.0 columns each")
          .hasMessageContaining("only heads of 64");
    }
  }

  /** Checks that no more is lost than by rounding the results. */
  private static void check(Scene scene, Head head, int images, Rows asked) {
    double[] exact = head.attention(images, asked, power -> power);
    float[] got = run(scene, head.qkv(), images, head.tokens(), head.heads(), asked);
    Numbers.assertNearlyBest(got, Numbers.rounded(exact, head.precision()), exact);
  }

  /** The rows that were asked for; the others have to stay zero. */
  static float[] run(Scene scene, float[] qkv, int images, int tokens, int heads, Rows asked) {
    int width = heads * HEAD_WIDTH;
    GpuTokens from = scene.half(images, tokens, 3 * width, qkv);
    GpuTokens to = scene.zeros(images, tokens, width, Form.HALF);
    scene.run(plan -> scene.kernels().attention(plan, from, heads, asked, to));
    float[] all = scene.halves(to);
    float[] got = new float[images * asked.count() * width];
    int next = 0;
    for (int row = 0; row < images * tokens; row++) {
      boolean inside = row % tokens >= asked.first() && row % tokens < asked.end();
      for (int j = 0; j < width; j++) {
        if (inside) {
          got[next++] = all[row * width + j];
        } else {
          assertThat(all[row * width + j]).isZero();
        }
      }
    }
    return got;
  }

  /** Queries, keys and values as the kernels see them. */
  record Head(float[] qkv, int tokens, int heads, Precision precision) {

    Head {
      qkv = Numbers.rounded(qkv, precision);
    }

    private double at(int image, int token, int part, int head, int j) {
      return qkv[
          ((image * tokens + token) * 3 + part) * heads * HEAD_WIDTH + head * HEAD_WIDTH + j];
    }

    double[] probabilities(int image, int head, int query) {
      double[] powers = powers(image, head, query);
      double sum = Arrays.stream(powers).sum();
      return Arrays.stream(powers).map(power -> power / sum).toArray();
    }

    /** Of every key, the largest of them 1. */
    private double[] powers(int image, int head, int query) {
      double[] scores = new double[tokens];
      for (int key = 0; key < tokens; key++) {
        for (int j = 0; j < HEAD_WIDTH; j++) {
          scores[key] += at(image, query, 0, head, j) * at(image, key, 1, head, j) / 8;
        }
      }
      double largest = Arrays.stream(scores).max().orElseThrow();
      return Arrays.stream(scores).map(score -> Math.exp(score - largest)).toArray();
    }

    /**
     * [images, queries, heads, 64].
     *
     * @param kept what of a power meets the values
     */
    double[] attention(int images, Rows asked, DoubleUnaryOperator kept) {
      double[] result = new double[images * asked.count() * heads * HEAD_WIDTH];
      int next = 0;
      for (int image = 0; image < images; image++) {
        for (int query = asked.first(); query < asked.end(); query++) {
          for (int head = 0; head < heads; head++) {
            double[] powers = powers(image, head, query);
            double all = Arrays.stream(powers).sum();
            double[] met = Arrays.stream(powers).map(kept).toArray();
            for (int j = 0; j < HEAD_WIDTH; j++) {
              double sum = 0;
              for (int key = 0; key < tokens; key++) {
                sum += met[key] * at(image, key, 2, head, j);
              }
              result[next++] = sum / all;
            }
          }
        }
      }
      return result;
    }
  }
}
