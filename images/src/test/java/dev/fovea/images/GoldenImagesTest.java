package dev.fovea.images;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.DecodeOptions;
import dev.fovea.Image;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** From files to cropped pixels, against Pillow 9.4 and torchvision's crop. */
class GoldenImagesTest {

  private static final Path SAMPLES = Path.of("..", "samples");

  static List<String> goldens() {
    return Fixtures.lines("goldens/index.txt");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void decodedResizedAndCroppedEqualsPillowByteForByte(String line) throws IOException {
    String[] field = line.split(" ");
    int crop = Integer.parseInt(field[2]);

    Image.Rgb result = preprocess(field[0], Integer.parseInt(field[1]), crop);

    assertThat(result.width()).isEqualTo(crop);
    assertThat(result.height()).isEqualTo(crop);
    assertThat(Fixtures.sha256(result.samples())).isEqualTo(field[3]);
  }

  /** Where the test above fails, this says at which pixel. */
  @ParameterizedTest
  @CsvSource({
    "astronaut-121x97.png, astronaut-121x97-256-224.golden.png",
    "coffee-451x300.png, coffee-451x300-256-224.golden.png"
  })
  void everyByteIsThatOfTheGoldenImage(String source, String golden) throws IOException {
    assertThat(preprocess(source, 256, 224).samples()).isEqualTo(read(golden).samples());
  }

  @Test
  void theEngineFindsTheDecoder() {
    Image image = Image.read(SAMPLES.resolve("coffee.png"));

    assertThat(image.width()).isEqualTo(600);
    assertThat(image.height()).isEqualTo(400);
  }

  private static Image.Rgb preprocess(String source, int shortest, int crop) throws IOException {
    return Preprocessor.apply(read(source), Preprocessing.DINOV2.withSize(shortest, crop, crop));
  }

  /** The full photographs are the samples at the project's top; the others are resources. */
  private static Image.Rgb read(String name) throws IOException {
    Path sample = SAMPLES.resolve(name);
    byte[] bytes =
        Files.exists(sample) ? Files.readAllBytes(sample) : Fixtures.resource("goldens/" + name);
    return Fixtures.decode(bytes, DecodeOptions.DEFAULT);
  }
}
