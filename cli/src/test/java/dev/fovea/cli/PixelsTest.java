package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Image;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.RegisterNeuron;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands say the same of an image and of the pixels that the model gets of it. */
class PixelsTest {

  @TempDir private Path folder;
  private Path image;
  private Path pixels;

  @BeforeEach
  void write() throws IOException {
    image = Cli.image(folder.resolve("a.png"), 256, 256, 1);
    Image.Planes planes = Preprocessor.planes((Image.Rgb) Image.read(image), Preprocessing.DINOV2);
    pixels = folder.resolve("a.safetensors");
    TensorInfo info = new TensorInfo("image", "F32", List.of(3L, 224L, 224L));
    SafetensorsWriter.write(pixels, Map.of(info, planes.samples()));
  }

  private static String run(Object[] first, Object... more) {
    Result result = Cli.run(Stream.of(first, more).flatMap(Stream::of).toArray());
    assertThat(result.exit()).as(result.err()).isZero();
    return result.out();
  }

  private static Object[] options(Object... options) {
    return options;
  }

  @ParameterizedTest
  @ValueSource(strings = {"attention", "pca"})
  void mapsAreTheSame(String command) {
    Path ofImage = folder.resolve("image-maps.safetensors");
    Path ofPixels = folder.resolve("pixel-maps.safetensors");
    run(options(command, "-m", TINY), image, "--arrays", ofImage);
    run(options(command, "-m", TINY), "--pixels", pixels, "--arrays", ofPixels);
    assertThat(ofPixels).hasSameBinaryContentAs(ofImage);
  }

  @Test
  void outliersAreTheSame() {
    Object[] command = options("outliers", "-m", TINY, "--method", "percentile", "--json");
    assertThat(run(command, "--pixels", pixels))
        .isEqualTo(run(command, image).replace("a.png", "a.safetensors"));
  }

  @Test
  void objectsAreTheSame() {
    Object[] command = options("lost", "-m", TINY, "--json");
    assertThat(run(command, "--pixels", pixels))
        .isEqualTo(run(command, image, "--crop", 224).replace("a.png", "a.safetensors"));
  }

  @Test
  void registerNeuronsAreTheSame() throws IOException {
    Path ofImage = folder.resolve("image.json");
    Path ofPixels = folder.resolve("pixels.json");
    Object[] command =
        options("register-neurons", "-m", "synthetic:tiny", "--method", "percentile", "--top-k", 3);
    run(command, image, "-o", ofImage);
    run(command, "--pixels", pixels, "-o", ofPixels);
    assertThat(Files.readString(ofPixels)).isEqualTo(Files.readString(ofImage));
  }

  @Test
  void thePlantedNeuronIsFound() {
    Path model = TestModels.writePlantedOutliers(folder.resolve("planted.safetensors"));
    Path neurons = folder.resolve("neurons.json");
    Object[] command = options("register-neurons", "-m", model, "-o", neurons);
    run(command, "--pixels", TestModels.PLANTED_PIXELS);
    RegisterNeuron first = ((TestTimeRegister) Registers.read(neurons)).neurons().getFirst();
    assertThat(first.block()).isEqualTo(1);
    assertThat(first.index()).isEqualTo(TestModels.PLANTED_NEURON);
  }
}
