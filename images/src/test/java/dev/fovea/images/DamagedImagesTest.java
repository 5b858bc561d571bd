package dev.fovea.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.fovea.DecodeOptions;
import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.images.Fixtures.Format;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Damaged files give an {@link ImageException} or a whole image, nothing else. */
class DamagedImagesTest {

  private static final int MUTATIONS = 20_000;

  /** Small, so that a header that promises many pixels costs little. */
  private static final DecodeOptions SMALL = new DecodeOptions(1 << 16, true);

  static List<Format> formats() {
    return Fixtures.formats();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void aTruncatedFileIsRefusedUnlessOnlyItsTailIsMissing(Format format) {
    byte[] whole = format.bytes();
    Image.Rgb expected = Fixtures.decode(whole, SMALL);
    int step = Math.max(1, whole.length / 50);
    for (int length = 0; length < whole.length; length += length > whole.length - 20 ? 1 : step) {
      int cut = length;
      decode(Arrays.copyOf(whole, cut), "cut to " + cut)
          .ifPresent(
              image ->
                  assertThat(image.samples())
                      .as("cut to %d of %d bytes", cut, whole.length)
                      .isEqualTo(expected.samples()));
    }
  }

  @Test
  void mutatedFilesGiveAnImageOrAnImageException() {
    List<byte[]> files = Fixtures.formats().stream().map(Format::bytes).toList();
    Random random = new Random(20);
    int refused = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      int file = random.nextInt(files.size());
      byte[] mutated = mutate(files.get(file).clone(), random);
      String what = "mutation " + i + ", of " + Fixtures.formats().get(file);
      refused += decode(mutated, what).isEmpty() ? 1 : 0;
    }
    assertThat(refused).isBetween(MUTATIONS / 4, MUTATIONS * 9 / 10);
  }

  private static Optional<Image.Rgb> decode(byte[] bytes, String what) {
    try {
      return Optional.of(Fixtures.decode(bytes, SMALL));
    } catch (ImageException _) {
      return Optional.empty();
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      return fail(what, e);
    }
  }

  /** One to four changes, half of them where headers are. */
  private static byte[] mutate(byte[] bytes, Random random) {
    byte[] mutated = bytes;
    for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
      int end = random.nextBoolean() ? mutated.length : Math.min(64, mutated.length);
      int at = random.nextInt(end);
      switch (random.nextInt(5)) {
        case 0 -> mutated[at] = (byte) random.nextInt();
        case 1 -> mutated[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> mutated[at] = (byte) (random.nextBoolean() ? 0xFF : 0);
        case 3 -> mutated[at] = 0x7F;
        default -> {
          if (random.nextInt(4) == 0) {
            mutated = Arrays.copyOf(mutated, 1 + random.nextInt(mutated.length));
          }
        }
      }
    }
    return mutated;
  }
}
