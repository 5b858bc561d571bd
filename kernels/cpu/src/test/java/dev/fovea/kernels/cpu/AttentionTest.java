package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code attention} against float64. */
class AttentionTest extends VerbTest {

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 64",
    "1, 6, 2, 64",
    "2, 13, 3, 32",
    "3, 17, 1, 80",
    "1, 97, 2, 64",
    "1, 200, 1, 64",
    "2, 25, 2, 1",
    "1, 33, 2, 37",
    "1, 384, 1, 16",
    "1, 385, 2, 8",
    "1, 801, 1, 16",
    "1, 20, 1, 400"
  })
  void isRightForEveryShape(int images, int tokens, int heads, int headWidth) {
    float[] qkv = normal(images * tokens * 3 * heads * headWidth, 1);
    Rows watched = new Rows(0, Math.min(5, tokens));
    check(images, tokens, heads, headWidth, new Rows(0, tokens), watched, qkv);
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 0, 1", "0, 5, 1, 4", "3, 100, 90, 13", "119, 1, 119, 1", "7, 0, 7, 0"})
  void computesOnlyTheQueriesThatAreWanted(int first, int count, int watched, int watchedCount) {
    float[] qkv = normal(2 * 120 * 3 * 2 * 64, 1);
    check(2, 120, 2, 64, new Rows(first, count), new Rows(watched, watchedCount), qkv);
  }

  /**
   * Kernels that take keys in blocks correct what they have when a later block has larger scores,
   * and must not when it has smaller ones.
   */
  @ParameterizedTest
  @ValueSource(doubles = {3, 1.0 / 3})
  void isRightWhereScoresGrowOrShrinkAlongTheKeys(double ratio) {
    int tokens = 900;
    int d = 16;
    float[] qkv = normal(tokens * 3 * d, 1);
    for (int key = 0; key < tokens; key++) {
      for (int i = 0; i < d; i++) {
        qkv[(key * 3 + 1) * d + i] *= (float) Math.pow(ratio, (key - tokens / 2) / 300.0);
      }
    }
    check(1, tokens, 1, d, new Rows(0, 30), new Rows(0, 5), qkv);
  }

  @Test
  void staysFiniteForLargeScores() {
    float[] qkv = normal(50 * 3 * 64, 30);
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, 1, 50, 3 * 64, qkv);
          Tokens y = unwritten(recorder, 1, 50, 64);
          Tokens p = unwritten(recorder, 1, 50, 50);
          recorder.attention(x, 1, Rows.all(x), y, Rows.all(x), p);
          return () -> {
            for (int query = 0; query < 50; query++) {
              double sum = 0;
              for (float probability : row(p, 0, query)) {
                assertThat(probability).isBetween(0f, 1.00001f);
                sum += probability;
              }
              assertNear("sum of the probabilities", (float) sum, 1, 1e-5);
              for (float value : row(y, 0, query)) {
                assertThat(value).isFinite();
              }
            }
          };
        });
  }

  /** Kernels that fill up keys or values to whole rounds must do so every time. */
  @Test
  void doesNotDependOnWhatAnEarlierStepLeavesInMemory() {
    float[] nothing = new float[97 * 3 * 64];
    Arrays.fill(nothing, Float.NaN);
    float[] qkv = normal(13 * 3 * 64, 1);
    run(
        device,
        recorder -> {
          Tokens before = tokens(recorder, 1, 97, 3 * 64, nothing);
          recorder.attention(before, 1, Rows.all(before), unwritten(recorder, 1, 97, 64));
          return record(recorder, 1, 13, 1, 64, new Rows(0, 13), new Rows(0, 5), qkv);
        });
  }

  private void check(
      int images, int tokens, int heads, int d, Rows queries, Rows watched, float[] elements) {
    run(device, recorder -> record(recorder, images, tokens, heads, d, queries, watched, elements));
  }

  private static Runnable record(
      Recorder recorder,
      int images,
      int tokens,
      int heads,
      int d,
      Rows queries,
      Rows watched,
      float[] elements) {
    Tokens qkv = tokens(recorder, images, tokens, 3 * heads * d, elements);
    Tokens y = unwritten(recorder, images, tokens, heads * d);
    Tokens p = unwritten(recorder, images, Math.max(1, heads * watched.count()), tokens);
    recorder.attention(qkv, heads, queries, y, watched, p);
    return () -> {
      for (int image = 0; image < images; image++) {
        for (int head = 0; head < heads; head++) {
          for (int query = 0; query < tokens; query++) {
            compare(qkv, heads, image, head, query, queries, y, watched, p);
          }
        }
      }
    };
  }

  /**
   * The error of a score is at most (d + 2) 2^-24 times its products' sizes; that is, to first
   * order, the relative error of its exponential, and twice the largest of them that of a
   * probability, to which the sum over the keys adds its own roundings.
   */
  private static void compare(
      Tokens qkv,
      int heads,
      int image,
      int head,
      int query,
      Rows queries,
      Tokens y,
      Rows watched,
      Tokens p) {
    int tokens = qkv.rows();
    int width = y.width();
    int d = width / heads;
    float[] got = row(y, image, query);
    if (query < queries.first() || query >= queries.end()) {
      assertThat(got[head * d]).isNaN();
      return;
    }
    double[] probabilities = new double[tokens];
    double largestSize = 0;
    float[] q = row(qkv, image, query);
    for (int key = 0; key < tokens; key++) {
      float[] k = row(qkv, image, key);
      double size = 0;
      for (int i = head * d; i < head * d + d; i++) {
        double product = (double) q[i] * k[width + i] / Math.sqrt(d);
        probabilities[key] += product;
        size += Math.abs(product);
      }
      largestSize = Math.max(largestSize, size);
    }
    softmax(probabilities);
    float[][] values = new float[tokens][];
    for (int key = 0; key < tokens; key++) {
      values[key] = row(qkv, image, key);
    }
    double relative = (2 * (d + 2) * largestSize + tokens + 8) * ROUNDING;
    for (int j = 0; j < d; j++) {
      double sum = 0;
      double size = 0;
      for (int key = 0; key < tokens; key++) {
        double v = values[key][2 * width + head * d + j];
        sum += probabilities[key] * v;
        size += Math.abs(probabilities[key] * v);
      }
      String what = "y [%d, %d, head %d, channel %d]".formatted(image, query, head, j);
      assertNear(what, got[head * d + j], sum, (relative + tokens * ROUNDING) * size);
    }
    if (query >= watched.first() && query < watched.end()) {
      float[] kept = row(p, image, head * watched.count() + query - watched.first());
      for (int key = 0; key < tokens; key++) {
        assertNear("probability", kept[key], probabilities[key], relative * probabilities[key]);
      }
    }
  }

  private static void softmax(double[] scores) {
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      scores[i] = Math.exp(scores[i]);
      sum += scores[i];
    }
    for (int i = 0; i < scores.length; i++) {
      scores[i] /= sum;
    }
  }
}
