package dev.fovea.kernels.cpu;

import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.cpu.Reference.Bounded;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code patchEmbed} against float64, from bytes and from planes. */
class PatchEmbedTest extends VerbTest {

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 14, 5, 32", "3, 2, 5, 14, 1, 70", "2, 7, 3, 4, 0, 33", "1, 3, 3, 1, 2, 8"})
  void projectsEveryPatchOfBytes(
      int images, int down, int across, int patch, int prefix, int width) {
    byte[] bytes = new byte[images * down * across * patch * patch * 3];
    random.nextBytes(bytes);
    float[] lookup = normal(768, 1);
    int height = down * patch;
    int imageWidth = across * patch;
    float[] planes = new float[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      int channel = i % 3;
      int pixel = i / 3 % (height * imageWidth);
      int image = i / 3 / (height * imageWidth);
      planes[(image * 3 + channel) * height * imageWidth + pixel] =
          lookup[channel * 256 + (bytes[i] & 0xff)];
    }
    Case shape = new Case(images, down, across, patch, prefix, width);
    run(
        device,
        recorder -> {
          Pixels pixels = recorder.rgb(images, height, imageWidth, lookup);
          pixels.host().copyFrom(MemorySegment.ofArray(bytes));
          return shape.record(recorder, pixels, planes);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 14, 5, 32", "3, 2, 5, 14, 1, 70"})
  void projectsEveryPatchOfPlanes(
      int images, int down, int across, int patch, int prefix, int width) {
    float[] planes = normal(images * down * across * patch * patch * 3, 1);
    Case shape = new Case(images, down, across, patch, prefix, width);
    run(
        device,
        recorder -> {
          Pixels pixels = recorder.planes(images, down * patch, across * patch);
          MemorySegment.copy(planes, 0, pixels.host(), ValueLayout.JAVA_FLOAT, 0, planes.length);
          return shape.record(recorder, pixels, planes);
        });
  }

  private final class Case {

    final int images;
    final int down;
    final int across;
    final int patch;
    final PatchEmbedWeights weights;
    final PositionTable positions;

    Case(int images, int down, int across, int patch, int prefix, int width) {
      this.images = images;
      this.down = down;
      this.across = across;
      this.patch = patch;
      weights =
          new PatchEmbedWeights(normal(width * 3 * patch * patch, 0.1), normal(width, 1), patch);
      positions = new PositionTable(prefix, width, normal((prefix + down * across) * width, 1));
    }

    Runnable record(Recorder recorder, Pixels pixels, float[] planes) {
      Tokens x = unwritten(recorder, images, positions.tokens(), weights.width());
      recorder.patchEmbed(pixels, device.pack(weights), positions, x);
      return () -> {
        for (int image = 0; image < images; image++) {
          for (int row = 0; row < x.rows(); row++) {
            compare(x, image, row, planes);
          }
        }
      };
    }

    private void compare(Tokens x, int image, int row, float[] planes) {
      float[] got = row(x, image, row);
      for (int j = 0; j < got.length; j++) {
        double position = positions.rows()[row * got.length + j];
        String what = "element [%d, %d, %d]".formatted(image, row, j);
        if (row < positions.prefix()) {
          assertNear(what, got[j], position, 0);
          continue;
        }
        float[] a = patch(planes, image, row - positions.prefix());
        Bounded sum = Reference.linear(Reference.exact(a), weights.weight(), j, weights.bias()[j]);
        assertNear(
            what, got[j], sum.value() + position, sum.error() + ROUNDING * Math.abs(position));
      }
    }

    private float[] patch(float[] planes, int image, int number) {
      float[] elements = new float[3 * patch * patch];
      for (int k = 0; k < elements.length; k++) {
        int channel = k / (patch * patch);
        int y = number / across * patch + k / patch % patch;
        int x = number % across * patch + k % patch;
        elements[k] = planes[((image * 3 + channel) * down * patch + y) * across * patch + x];
      }
      return elements;
    }
  }
}
