package dev.fovea.kernels.cuda;

import static dev.fovea.kernels.cuda.AttentionKernelTest.HEAD_WIDTH;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.AttentionKernelTest.Head;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Attention for compute capability 9.0: of up to 272 tokens and of more. Where speed is the point,
 * powers are rounded to 16 bits before they meet the values, as by PyTorch's fused attention.
 */
class HopperAttentionTest {

  @ParameterizedTest
  @CsvSource({
    "F16,  1, 1,  261,    0, 261",
    "BF16, 2, 2,  100,   10,  70",
    "F16,  1, 1,  273,    0, 273",
    "BF16, 2, 1,  321,    5, 130",
    "F16,  1, 2,  384,    0, 384",
    "BF16, 1, 3,  385,  129,   1",
    "F16,  3, 1,  300,    0, 300",
    "F16,  1, 1, 1374, 1200, 174",
    "BF16, 1, 1, 1374,    0,   1"
  })
  void isRight(Precision precision, int images, int heads, int tokens, int first, int queries) {
    Rows asked = new Rows(first, queries);
    float[] qkv = Numbers.random(tokens, images * tokens * 3 * heads * HEAD_WIDTH, 0, 1.5);
    check(precision, qkv, images, tokens, heads, asked);
  }

  /** One key takes nearly all of the probability, with scores far apart. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void extremeScoresAreRight(Precision precision) {
    float[] qkv = Numbers.random(5, 300 * 3 * HEAD_WIDTH, 0, 12);
    check(precision, qkv, 1, 300, 1, new Rows(0, 140));
  }

  /**
   * Checks that no more is lost than by two roundings: that of the powers (numbers up to 1) before
   * they meet the values, and that of the results.
   */
  private static void check(
      Precision precision, float[] qkv, int images, int tokens, int heads, Rows asked) {
    Head head = new Head(qkv, tokens, heads, precision);
    double[] exact = head.attention(images, asked, power -> power);
    double[] best = head.attention(images, asked, power -> Numbers.rounded(power, precision));
    InterpretedGpu.hopper(precision)
        .run(
            scene -> {
              float[] got =
                  AttentionKernelTest.run(scene, head.qkv(), images, tokens, heads, asked);
              Numbers.assertNearlyBest(got, Numbers.rounded(best, precision), exact);
            });
  }

  @Test
  void bitsDependNeitherOnBlocksNorOnNeighboursNorOnTheOrderOfWarps() {
    int tokens = 300;
    int heads = 3;
    int width = heads * HEAD_WIDTH;
    float[] qkv = Numbers.random(1, 3 * tokens * 3 * width, 0, 1);
    int image = tokens * 3 * width;
    float[] second = Arrays.copyOfRange(qkv, image, 2 * image);
    InterpretedGpu gpu = InterpretedGpu.hopper(Precision.F16);
    for (long seed = 1; seed <= 2; seed++) {
      gpu.shuffle(seed);
      gpu.run(
          scene -> {
            Rows some = new Rows(17, 150);
            float[] all =
                AttentionKernelTest.run(scene, qkv, 3, tokens, heads, new Rows(0, tokens));
            float[] got = AttentionKernelTest.run(scene, second, 1, tokens, heads, some);
            int from = (tokens + some.first()) * width;
            assertThat(got).isEqualTo(Arrays.copyOfRange(all, from, from + some.count() * width));
          });
    }
  }

  /** The last box of keys goes beyond an image's last token; what follows must not be seen. */
  @Test
  void imagesDoNotSeeWhatIsWrongWithTheNextOne() {
    int tokens = 280;
    int image = tokens * 3 * HEAD_WIDTH;
    float[] qkv = Numbers.random(3, 2 * image, 0, 1);
    float[] first = Arrays.copyOf(qkv, image);
    Arrays.fill(qkv, image, 2 * image, Float.POSITIVE_INFINITY);
    InterpretedGpu.hopper(Precision.BF16)
        .run(
            scene -> {
              Rows all = new Rows(0, tokens);
              float[] both = AttentionKernelTest.run(scene, qkv, 2, tokens, 1, all);
              assertThat(Arrays.copyOf(both, tokens * HEAD_WIDTH))
                  .isEqualTo(AttentionKernelTest.run(scene, first, 1, tokens, 1, all));
            });
  }
}
