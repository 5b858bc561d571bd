package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Bytes and floats to tokens in every tile, beside float64 on the same operands. */
class PatchEmbedKernelTest {

  static Stream<Arguments> cases() {
    List<Arguments> cases = new ArrayList<>();
    for (Precision precision : Precision.values()) {
      for (Tile tile : ProductKernels.PATCH_EMBED) {
        cases.add(Arguments.of(precision, tile, true, 14, 3, 42, 56));
        cases.add(Arguments.of(precision, tile, false, 14, 1, 28, 70));
        cases.add(Arguments.of(precision, tile, true, 7, 2, 70, 49));
      }
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isRight(
      Precision precision, Tile tile, boolean bytes, int patch, int images, int height, int width) {
    int channels = 72;
    int prefix = 5;
    int patches = height / patch * (width / patch);
    PatchEmbedWeights weights =
        new PatchEmbedWeights(
            Numbers.random(1, channels * 3 * patch * patch, 0, 0.1),
            Numbers.random(2, channels, 0, 0.3),
            patch);
    PositionTable positions =
        new PositionTable(prefix, channels, Numbers.random(3, (prefix + patches) * channels, 0, 1));
    float[] lookup = bytes ? Numbers.random(4, 3 * 256, 0, 1) : null;
    InterpretedGpu gpu = InterpretedGpu.with(precision);
    GpuPacked.PatchEmbed packed = gpu.packer().pack(weights);
    gpu.run(
        tile,
        scene -> {
          try (Arena arena = Arena.ofConfined()) {
            int samples = images * height * width * 3;
            MemorySegment host = arena.allocate((long) samples * (bytes ? 1 : 4), 4);
            float[] values = bytes ? fillBytes(host, lookup, width, height) : fillFloats(host);
            GpuPixels pixels = new GpuPixels(null, images, height, width, lookup, host);
            pixels.allocate(scene.memory());
            scene.upload(pixels);
            GpuTokens x = scene.zeros(images, prefix + patches, channels, Form.RESIDUAL);
            scene.run(plan -> scene.kernels().patchEmbed(plan, pixels, packed, positions, x));
            float[] full = scene.full(x);
            double[] exact = new double[full.length];
            for (int row = 0; row < images * x.rows(); row++) {
              embed(
                  Numbers.rounded(values, precision),
                  row / x.rows(),
                  row % x.rows(),
                  new int[] {height, width},
                  weights,
                  positions,
                  precision,
                  exact,
                  row * channels);
            }
            // float32 sums of up to 588 products.
            assertThat(Numbers.error(full, exact)).isLessThan(Math.sqrt(588) * Math.pow(2, -23));
            assertThat(scene.halves(x)).isEqualTo(Numbers.rounded(full, precision));
            Statistics.check(scene, x, full);
            for (int image = 0; image < images; image++) {
              for (int i = 0; i < prefix * channels; i++) {
                assertThat(full[image * x.rows() * channels + i]).isEqualTo(positions.rows()[i]);
              }
            }
          }
        });
  }

  /** Returns what the bytes stand for, [images, 3, height, width]. */
  private static float[] fillBytes(MemorySegment host, float[] lookup, int width, int height) {
    byte[] bytes = new byte[(int) host.byteSize()];
    new Random(5).nextBytes(bytes);
    MemorySegment.copy(bytes, 0, host, ValueLayout.JAVA_BYTE, 0, bytes.length);
    float[] values = new float[bytes.length];
    int plane = width * height;
    for (int i = 0; i < bytes.length; i++) {
      int channel = i % 3;
      int image = i / (3 * plane);
      int place = i / 3 % plane;
      values[(image * 3 + channel) * plane + place] =
          lookup[channel * 256 + Byte.toUnsignedInt(bytes[i])];
    }
    return values;
  }

  private static float[] fillFloats(MemorySegment host) {
    float[] values = Numbers.random(6, (int) (host.byteSize() / Float.BYTES), 0, 1);
    MemorySegment.copy(values, 0, host, ValueLayout.JAVA_FLOAT, 0, values.length);
    return values;
  }

  /** One token in float64. */
  private static void embed(
      float[] values,
      int image,
      int token,
      int[] size,
      PatchEmbedWeights weights,
      PositionTable positions,
      Precision precision,
      double[] result,
      int to) {
    int patch = weights.patch();
    int across = size[1] / patch;
    int index = token - positions.prefix();
    for (int j = 0; j < weights.width(); j++) {
      double sum = positions.rows()[token * weights.width() + j];
      if (index >= 0) {
        sum += weights.bias()[j];
        for (int k = 0; k < 3 * patch * patch; k++) {
          int channel = k / (patch * patch);
          int row = index / across * patch + k / patch % patch;
          int column = index % across * patch + k % patch;
          float weight = weights.weight()[j * 3 * patch * patch + k];
          sum +=
              (double) Numbers.rounded(weight, precision)
                  * values[((image * 3 + channel) * size[0] + row) * size[1] + column];
        }
      }
      result[to + j] = sum;
    }
  }
}
