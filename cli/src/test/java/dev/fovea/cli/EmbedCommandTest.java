package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Preprocessing;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import dev.fovea.kernels.Pooling;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EmbedCommandTest {

  @TempDir Path folder;
  private Path first;
  private Path second;

  @BeforeEach
  void drawImages() throws IOException {
    first = Cli.image(folder.resolve("photos/a.png"), 90, 60, 1);
    second = Cli.image(folder.resolve("photos/b.PNG"), 50, 80, 2);
    Cli.image(folder.resolve("photos/more/c.png"), 70, 70, 3);
    Files.writeString(folder.resolve("photos/notes.txt"), "not an image");
  }

  private static float[] expected(Path image, Options options) {
    try (Fovea model = Fovea.open(TINY, options)) {
      return model.embed(Image.read(image));
    }
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).floatValue();
    }
    return values;
  }

  private static JsonNode json(Result result) {
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.err()).isEmpty();
    return JsonMapper.shared().readTree(result.out());
  }

  @Test
  void oneImageIsOneObjectWithTheBitsThatTheLibraryGives() {
    JsonNode object = json(Cli.run("embed", "-m", TINY, first));
    assertThat(object.get("file").asString()).isEqualTo(first.toString());
    assertThat(floats(object.get("embedding"))).containsExactly(expected(first, Options.DEFAULT));
  }

  @Test
  void severalImagesAreAnArrayInTheirOrder() {
    JsonNode array = json(Cli.run("embed", "-m", TINY, second, first));
    assertThat(array.size()).isEqualTo(2);
    assertThat(array.get(0).get("file").asString()).isEqualTo(second.toString());
    assertThat(floats(array.get(1).get("embedding")))
        .containsExactly(expected(first, Options.DEFAULT));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 100})
  void directoriesGiveTheirImagesSortedWhateverTheBatch(int batch) throws IOException {
    Files.writeString(folder.resolve("photos/._a.png"), "what macOS puts beside a.png");
    JsonNode flat = json(Cli.run("embed", "-m", TINY, "--batch", batch, folder.resolve("photos")));
    assertThat(flat.findValuesAsString("file"))
        .containsExactly(first.toString(), second.toString());
    JsonNode deep = json(Cli.run("embed", "-r", "-m", TINY, "--batch", batch, folder));
    assertThat(deep.findValuesAsString("file"))
        .containsExactly(
            first.toString(), second.toString(), folder.resolve("photos/more/c.png").toString());
  }

  @Test
  void aDirectoryWithoutImagesIsRefused() {
    Result result = Cli.run("embed", "-m", TINY, folder);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).contains("no images in [" + folder + "]", "--recursive");
  }

  @Test
  void poolingAndNormalizationArriveInTheModel() {
    JsonNode object =
        json(Cli.run("embed", "-m", TINY, "--pool", "cls+mean", "--normalize", first));
    float[] embedding = floats(object.get("embedding"));
    assertThat(embedding)
        .containsExactly(expected(first, Options.DEFAULT.withPooling(Pooling.CLS_MEAN, true)));
    double squares = 0;
    for (float value : embedding) {
      squares += value * value;
    }
    assertThat(squares).isEqualTo(1, within(1e-5));
  }

  @Test
  void anotherSizeGivesTheBitsOfAModelOpenedWithIt() {
    JsonNode object =
        json(
            Cli.run(
                "embed",
                "-m",
                TINY,
                "--resize",
                70,
                "--crop",
                "70x42",
                "--rounding",
                "hugging-face",
                first));
    Preprocessing preprocessing =
        Preprocessing.DINOV2.withSize(70, 70, 42).withRounding(Preprocessing.Rounding.HUGGING_FACE);
    assertThat(floats(object.get("embedding")))
        .containsExactly(expected(first, Options.DEFAULT.withPreprocessing(preprocessing)));
  }

  @Test
  void csvHasAHeaderAndQuotesNamesThatNeedIt() throws IOException {
    Path odd = Cli.image(folder.resolve("a, \"b\".png"), 40, 40, 4);
    Result result = Cli.run("embed", "-m", TINY, "-f", "csv", first, odd);
    assertThat(result.exit()).isZero();
    List<String> lines = result.out().lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.getFirst()).startsWith("file,e0,e1,").endsWith(",e127");
    assertThat(lines.get(1)).startsWith(first + ",");
    assertThat(lines.get(2)).startsWith("\"" + folder + "/a, \"\"b\"\".png\",");
    float[] expected = expected(first, Options.DEFAULT);
    String[] cells = lines.get(1).split(",");
    assertThat(cells).hasSize(129);
    assertThat(Float.parseFloat(cells[128])).isEqualTo(expected[127]);
  }

  @Test
  void npyIsOneArrayAndStdoutListsItsRows() throws IOException {
    Path out = folder.resolve("e.npy");
    Result result = Cli.run("embed", "-m", TINY, "-f", "npy", "-o", out, first, second);
    assertThat(result.exit()).isZero();
    assertThat(result.out().lines()).containsExactly(first.toString(), second.toString());
    ByteBuffer npy = ByteBuffer.wrap(Files.readAllBytes(out)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[128];
    npy.get(header);
    assertThat(header).startsWith(0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0);
    assertThat(new String(header, 10, 118, StandardCharsets.US_ASCII))
        .matches("\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(2, 128\\), } +\n");
    float[] rows = new float[256];
    npy.asFloatBuffer().get(rows);
    assertThat(npy.remaining()).isEqualTo(1024);
    assertThat(Arrays.copyOfRange(rows, 128, 256))
        .containsExactly(expected(second, Options.DEFAULT));
  }

  @Test
  void aBadImageIsReportedAndTheOthersAreDone() throws IOException {
    Path bad = Files.writeString(folder.resolve("bad.png"), "no pixels here");
    Path missing = folder.resolve("missing.png");
    Result result = Cli.run("embed", "-m", TINY, first, bad, missing, second);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err().lines())
        .hasSize(2)
        .allMatch(line -> line.startsWith("fovea: "))
        .anyMatch(line -> line.contains(bad.toString()))
        .anyMatch(line -> line.contains(missing.toString()));
    assertThat(JsonMapper.shared().readTree(result.out()).findValuesAsString("file"))
        .containsExactly(first.toString(), second.toString());
  }

  @Test
  void anImageThatGrowsBeyondAnArrayIsReportedAndTheOthersAreDone() throws IOException {
    Path line = folder.resolve("line.png");
    BufferedImage thin = new BufferedImage(8_500_000, 1, BufferedImage.TYPE_BYTE_GRAY);
    ImageIO.write(thin, "png", line.toFile());
    Result result = Cli.run("embed", "-m", TINY, first, line, second);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err().lines())
        .singleElement()
        .asString()
        .startsWith("fovea: " + line)
        .contains("cannot be resized to 256");
    assertThat(JsonMapper.shared().readTree(result.out()).findValuesAsString("file"))
        .containsExactly(first.toString(), second.toString());
  }

  @Test
  void anImageOfAWrongSizeIsReportedAndTheOthersAreDone() {
    Result result =
        Cli.run(
            "embed", "-m", TINY, "--resize", 0, "--crop", 0, first, folder.resolve("photos/more"));
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err()).hasLineCount(1).contains(first.toString()).contains("14");
    assertThat(JsonMapper.shared().readTree(result.out()).findValuesAsString("file"))
        .containsExactly(folder.resolve("photos/more/c.png").toString());
  }

  @Test
  void oneBadImageAlonePrintsNothing() {
    Result result = Cli.run("embed", "-m", TINY, folder.resolve("missing.png"));
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1);
  }

  @Test
  void whatIsNotUnderstoodIsExitCodeTwo() {
    assertThat(Cli.run("embed", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "-f", "xml", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "--pool", "max", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "-f", "npy", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "-o", "x", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "--batch", "0", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "--crop", "9y9", first).exit()).isEqualTo(2);
  }

  @Test
  void anEmbeddingThatIsNotFiniteIsReportedInsteadOfPrinted() {
    Map<TensorInfo, float[]> tensors = TestModels.tensors("synthetic:tiny");
    tensors.forEach(
        (info, elements) -> {
          if (info.name().equals("norm.bias")) {
            elements[7] = Float.NaN;
          }
        });
    Path model = folder.resolve("nan.safetensors");
    SafetensorsWriter.write(model, tensors);
    Result result = Cli.run("embed", "-m", model, first);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains("not finite");
  }

  @Test
  void aModelThatIsNotThereIsExitCodeOne() {
    assertThat(Cli.run("embed", "-m", "", first).err()).contains("the model's name is empty");
    Result result = Cli.run("embed", "-m", folder.resolve("no.safetensors"), first);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).startsWith("fovea: ").contains("no.safetensors");
  }
}
