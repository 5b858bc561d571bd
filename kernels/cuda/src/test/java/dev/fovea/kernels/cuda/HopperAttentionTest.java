package dev.fovea.kernels.cuda;

import static dev.fovea.kernels.cuda.AttentionKernelTest.HEAD_WIDTH;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Rows;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention for compute capability 9.0, which runs where there are more than 272 tokens. */
class HopperAttentionTest {

  @ParameterizedTest
  @CsvSource({
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

  private static void check(
      Precision precision, float[] qkv, int images, int tokens, int heads, Rows asked) {
    var head = new AttentionKernelTest.Head(qkv, tokens, heads, precision);
    InterpretedGpu.hopper(precision)
        .run(scene -> AttentionKernelTest.check(scene, head, images, asked));
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
