package dev.fovea.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.DecodeOptions;
import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.images.Fixtures.Format;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageIoDecoderTest {

  private static final DecodeOptions UPRIGHT = new DecodeOptions(1 << 20, true);

  static List<Format> exactFormats() {
    return Fixtures.formats().stream().filter(format -> !format.isLossyWebp()).toList();
  }

  static List<Format> lossyFormats() {
    return Fixtures.formats().stream().filter(Format::isLossyWebp).toList();
  }

  static List<Format> largerThanOnePixel() {
    return Fixtures.formats().stream().filter(format -> format.width() > 1).toList();
  }

  @ParameterizedTest
  @MethodSource("exactFormats")
  void decodesToPillowsBytes(Format format) {
    Image.Rgb image = Fixtures.decode(format.bytes(), DecodeOptions.DEFAULT);

    assertThat(image.width()).isEqualTo(format.width());
    assertThat(image.height()).isEqualTo(format.height());
    assertThat(Fixtures.sha256(image.samples())).isEqualTo(format.sha256());
  }

  /** Measured: at most 18 levels, 1.2 on average; the colour planes are enlarged differently. */
  @ParameterizedTest
  @MethodSource("lossyFormats")
  void lossyWebpIsCloseToPillow(Format format) {
    byte[] expected = Fixtures.resource("formats/" + format.name() + ".rgb");

    byte[] samples = Fixtures.decode(format.bytes(), DecodeOptions.DEFAULT).samples();

    assertThat(samples).hasSameSizeAs(expected);
    long sum = 0;
    for (int i = 0; i < samples.length; i++) {
      int difference = Math.abs((samples[i] & 0xFF) - (expected[i] & 0xFF));
      assertThat(difference).as("byte %d", i).isLessThanOrEqualTo(20);
      sum += difference;
    }
    assertThat((double) sum / samples.length).isLessThan(1.5);
  }

  @ParameterizedTest
  @ValueSource(strings = {"orientation6.png", "orientation6.webp", "orientation6.tif"})
  void orientationIsAppliedToOtherFormatsThanJpeg(String name) {
    byte[] bytes = Fixtures.resource("formats/" + name);
    Image.Rgb stored = Fixtures.decode(bytes, DecodeOptions.DEFAULT);

    Image.Rgb upright = Fixtures.decode(bytes, UPRIGHT);

    assertThat(upright).usingRecursiveComparison().isEqualTo(Orientation.ofTag(6).apply(stored));
  }

  /** The corner of the stored picture that is at the top left, and the one at the top right. */
  @ParameterizedTest
  @CsvSource({
    "1, topLeft, topRight",
    "2, topRight, topLeft",
    "3, bottomRight, bottomLeft",
    "4, bottomLeft, bottomRight",
    "5, topLeft, bottomLeft",
    "6, bottomLeft, topLeft",
    "7, bottomRight, topRight",
    "8, topRight, bottomRight"
  })
  void orientationTurnsThePicture(int tag, String first, String second) {
    byte[] bytes = Fixtures.resource("formats/orientation" + tag + ".jpg");
    Image.Rgb stored = Fixtures.decode(bytes, DecodeOptions.DEFAULT);

    Image.Rgb upright = Fixtures.decode(bytes, UPRIGHT);

    assertThat(stored.width()).isEqualTo(45);
    assertThat(upright.width()).isEqualTo(tag < 5 ? 45 : 31);
    assertThat(upright.height()).isEqualTo(tag < 5 ? 31 : 45);
    assertThat(pixel(upright, "topLeft")).isEqualTo(pixel(stored, first));
    assertThat(pixel(upright, "topRight")).isEqualTo(pixel(stored, second));
  }

  private static List<Byte> pixel(Image.Rgb image, String corner) {
    int x = corner.endsWith("Right") ? image.width() - 1 : 0;
    int y = corner.startsWith("bottom") ? image.height() - 1 : 0;
    int at = 3 * (y * image.width() + x);
    byte[] samples = image.samples();
    return List.of(samples[at], samples[at + 1], samples[at + 2]);
  }

  @ParameterizedTest
  @MethodSource("largerThanOnePixel")
  void morePixelsThanTheLimitAreRefused(Format format) {
    int pixels = format.width() * format.height();
    DecodeOptions tooFew = new DecodeOptions(pixels - 1, false);
    DecodeOptions enough = new DecodeOptions(pixels, false);

    assertThat(Fixtures.decode(format.bytes(), enough).width()).isEqualTo(format.width());
    assertThatThrownBy(() -> Fixtures.decode(format.bytes(), tooFew))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining(String.format(Locale.ROOT, "%,d pixels", pixels))
        .hasMessageContaining(String.format(Locale.ROOT, "limit of %,d", pixels - 1))
        .hasMessageContaining("DecodeOptions.maxPixels");
  }

  @Test
  void theLimitIsCheckedBeforeAnythingIsAllocated() {
    byte[] bomb = Fixtures.resource("formats/rgb.png");
    ByteBuffer header = ByteBuffer.wrap(bomb).putInt(16, 2_000_000_000).putInt(20, 2_000_000_000);
    CRC32 crc = new CRC32();
    crc.update(bomb, 12, 17);
    header.putInt(29, (int) crc.getValue());

    assertThatThrownBy(() -> Fixtures.decode(bomb, DecodeOptions.DEFAULT))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("4,000,000,000,000,000,000 pixels")
        .hasMessageContaining("178,956,970");
    assertThatThrownBy(() -> Fixtures.decode(bomb, new DecodeOptions(Long.MAX_VALUE, false)))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("do not fit into an array");
  }

  @Test
  void anUnknownFormatIsAnsweredWithTheKnownOnes() {
    assertThatThrownBy(
            () ->
                Fixtures.decode("%PDF-1.7 and so on".getBytes(StandardCharsets.US_ASCII), UPRIGHT))
        .isInstanceOf(ImageException.class)
        .hasMessage(
            "the file: expected an image in one of the formats JPEG, PNG, GIF, BMP, WebP, TIFF,"
                + " got a file that begins with 25 50 44 46 2d 31 2e 37 20 61 6e 64");
    assertThatThrownBy(() -> Fixtures.decode(new byte[0], UPRIGHT))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("an empty file");
  }

  @Test
  void aDamagedPngIsFoundByItsChecksum() {
    byte[] bytes = Fixtures.resource("formats/rgb.png");
    bytes[bytes.length / 2] ^= 1;

    assertThatThrownBy(() -> Fixtures.decode(bytes, UPRIGHT))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("the file: cannot be decoded as PNG")
        .hasMessageContaining("checksum");
  }

  @Test
  void nullIsTheCallersMistake() {
    byte[] bytes = Fixtures.resource("formats/rgb.png");
    ImageIoDecoder decoder = new ImageIoDecoder();

    assertThatNullPointerException().isThrownBy(() -> decoder.decode(null, "x", UPRIGHT));
    assertThatNullPointerException().isThrownBy(() -> decoder.decode(bytes, null, UPRIGHT));
    assertThatNullPointerException().isThrownBy(() -> decoder.decode(bytes, "x", null));
  }
}
