package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.Preprocessing.Rounding;
import dev.fovea.Preprocessor.Size;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PreprocessorTest {

  /** A line of preprocessing.txt, which generate_preprocessing.py writes with Pillow. */
  record Golden(Image.Rgb image, Preprocessing preprocessing, String sha256) {

    static Golden parse(String line) {
      String[] field = line.split(" ");
      int[] number = new int[6];
      for (int i = 0; i < number.length; i++) {
        number[i] = Integer.parseInt(field[i]);
      }
      return new Golden(
          noise(number[0], number[1], number[2]),
          Preprocessing.DINOV2
              .withSize(number[3], number[4], number[5])
              .withRounding(Rounding.valueOf(field[6])),
          field[7]);
    }

    @Override
    public String toString() {
      return String.format(
          "%d x %d to %d, %d x %d, %s",
          image.width(),
          image.height(),
          preprocessing.shortest(),
          preprocessing.cropHeight(),
          preprocessing.cropWidth(),
          preprocessing.rounding());
    }
  }

  static List<Golden> goldens() throws IOException {
    try (InputStream in = PreprocessorTest.class.getResourceAsStream("preprocessing.txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(Golden::parse)
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void equalsPillowByteForByte(Golden golden) {
    Image.Rgb result = Preprocessor.apply(golden.image(), golden.preprocessing());

    assertThat(sha256(result.samples())).isEqualTo(golden.sha256());
  }

  @Test
  void oneInstanceServesImagesOfAllSizesIntoDirtyMemory() throws IOException {
    Preprocessing preprocessing = Preprocessing.DINOV2.withSize(28, 56, 14);
    Preprocessor preprocessor = new Preprocessor(preprocessing);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(56 * 14 * 3);
      for (Golden golden : goldens()) {
        target.fill((byte) 77);
        preprocessor.apply(golden.image(), target);

        assertThat(target.toArray(ValueLayout.JAVA_BYTE))
            .as(golden.toString())
            .isEqualTo(Preprocessor.apply(golden.image(), preprocessing).samples());
      }
    }
  }

  @Test
  void theLongerSideIsCutOffNotRounded() {
    Preprocessing resize = Preprocessing.DINOV2.withSize(256, 0, 0);

    assertThat(Preprocessor.outputSize(121, 97, resize)).isEqualTo(new Size(319, 256));
    assertThat(Preprocessor.outputSize(300, 777, resize)).isEqualTo(new Size(256, 663));
    assertThat(Preprocessor.outputSize(256, 9000, resize)).isEqualTo(new Size(256, 9000));
    assertThat(Preprocessor.outputSize(5, 9000, Preprocessing.DINOV2))
        .isEqualTo(new Size(224, 224));
  }

  @Test
  void anElongatedImageThatStillFitsTheCropIsResized() {
    Image.Rgb line = noise(1, 1_000_000, 3);

    assertThat(Preprocessor.apply(line, Preprocessing.DINOV2).samples()).hasSize(224 * 224 * 3);
  }

  @Test
  void aResultThatFitsNoArrayIsRefused() {
    Preprocessing resize = Preprocessing.DINOV2.withSize(256, 0, 0);

    assertThatThrownBy(() -> Preprocessor.outputSize(1, 10_000_000, resize))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("2560000000")
        .hasMessageContaining("crop");
    assertThatThrownBy(() -> Preprocessor.outputSize(1, 5_000_000, resize))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("1280000000");
  }

  @Test
  void aTargetOfTheWrongSizeIsRefused() {
    Preprocessor preprocessor = new Preprocessor(Preprocessing.DINOV2);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> preprocessor.apply(noise(9, 9, 1), MemorySegment.ofArray(new byte[9])))
        .withMessage("the target must hold 224 x 224 x 3 = 150528 bytes, got 9");
  }

  @Test
  void lookupIsNormalisationInFloat32() {
    float[] table = Preprocessor.lookup(Preprocessing.DINOV2);

    assertThat(table).hasSize(768);
    assertThat(table[0]).isEqualTo(-0.485f / 0.229f);
    assertThat(table[256 + 128]).isEqualTo((128 / 255f - 0.456f) / 0.224f);
    assertThat(table[767]).isEqualTo((1 - 0.406f) / 0.225f);
  }

  @Test
  void scalingInFloat64GivesTheSameLookup() {
    for (int sample = 0; sample < 256; sample++) {
      assertThat((float) (sample * 0.00392156862745098)).isEqualTo(sample / 255f);
    }
  }

  /** The same bytes as {@code noise} of generate_preprocessing.py. */
  private static Image.Rgb noise(int width, int height, int seed) {
    byte[] samples = new byte[3 * width * height];
    int state = seed;
    for (int i = 0; i < samples.length; i++) {
      state = state * 1103515245 + 12345;
      samples[i] = (byte) (state >> 16);
    }
    return new Image.Rgb(width, height, samples);
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void sizesAndStatisticsThatCannotBeComputedWithAreRefused() {
    assertThatThrownBy(() -> Preprocessing.DINOV2.withSize(0, 1 << 20, 1 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65536 pixels");
    Preprocessing.Channels ones = new Preprocessing.Channels(1, 1, 1);
    for (double tiny : new double[] {0, 1e-60, 1e-45, Double.NaN}) {
      Preprocessing.Channels std = new Preprocessing.Channels(1, tiny, 1);
      assertThatThrownBy(
              () -> new Preprocessing(0, 0, 0, ones, std, Preprocessing.Rounding.ORIGINAL))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("std positive");
    }
    Preprocessing.Channels far = new Preprocessing.Channels(1e300, 0, 0);
    assertThatThrownBy(() -> new Preprocessing(0, 0, 0, far, ones, Preprocessing.Rounding.ORIGINAL))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("finite in float32");
  }
}
