package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClassificationHeadTest {

  private static final int WIDTH = 128;
  private static final int CLASSES = 3;
  private static final int PREFIX = 5;

  private static Fovea tiny;

  @TempDir private Path folder;

  private final Image image =
      Image.planes(42, 28, SyntheticCheckpoint.uniform("image", 1, 3 * 42 * 28));

  @BeforeAll
  static void open() {
    tiny = Fovea.open("synthetic:tiny-reg4");
  }

  @AfterAll
  static void close() {
    tiny.close();
  }

  @Test
  void theSmallHeadReadsClsAndTheMeanOfThePatchesWithoutRegisters() {
    double[] input = clsAndMean(tiny, WIDTH);
    ClassificationHead head = ClassificationHead.open(head("", 2 * WIDTH), tiny.config());
    assertThat(head.layers()).isEqualTo(1);
    check(logits(tiny, head), linear(input));
  }

  @Test
  void theLargeHeadReadsClsOfFourBlocksThroughTheFinalNorm() {
    try (Fovea small = Fovea.open("synthetic:small-reg4")) {
      int width = 384;
      FeatureRequest blocks = FeatureRequest.of(Feature.CLS).withBlocks(8, 9, 10, 11);
      float[] tokens = small.features(image, blocks).get(Feature.BLOCKS);
      double[] input = new double[5 * width];
      for (int block = 0; block < 4; block++) {
        int row = block * tokens.length / 4;
        double[] cls = layerNorm(Arrays.copyOfRange(tokens, row, row + width));
        System.arraycopy(cls, 0, input, block * width, width);
      }
      System.arraycopy(clsAndMean(small, width), width, input, 4 * width, width);
      ClassificationHead head = ClassificationHead.open(head("", 5 * width), small.config());
      assertThat(head.layers()).isEqualTo(4);
      check(logits(small, head), linear(input));
    }
  }

  private double[] logits(Fovea model, ClassificationHead head) {
    return head.logits(model.features(image, head.request()));
  }

  /** CLS and the mean of the patches, by hand. */
  private double[] clsAndMean(Fovea model, int width) {
    Features features = model.features(image, FeatureRequest.of(Feature.TOKENS));
    float[] tokens = features.get(Feature.TOKENS);
    int rows = tokens.length / width;
    double[] input = new double[2 * width];
    for (int channel = 0; channel < width; channel++) {
      input[channel] = tokens[channel];
      for (int row = PREFIX; row < rows; row++) {
        input[width + channel] += tokens[row * width + channel] / (double) (rows - PREFIX);
      }
    }
    return input;
  }

  /** The final LayerNorm of synthetic:small-reg4, in float64. */
  private static double[] layerNorm(float[] row) {
    SyntheticCheckpoint weights = new SyntheticCheckpoint("synthetic:small-reg4");
    float[] scale = new float[row.length];
    float[] shift = new float[row.length];
    weights.read("norm.weight", 0, scale, 0, row.length);
    weights.read("norm.bias", 0, shift, 0, row.length);
    double mean = IntStream.range(0, row.length).mapToDouble(i -> row[i]).average().getAsDouble();
    double variance =
        IntStream.range(0, row.length)
            .mapToDouble(i -> (row[i] - mean) * (row[i] - mean))
            .average()
            .getAsDouble();
    return IntStream.range(0, row.length)
        .mapToDouble(i -> (row[i] - mean) / Math.sqrt(variance + 1e-6) * scale[i] + shift[i])
        .toArray();
  }

  private static double[] linear(double[] input) {
    double[] output = new double[CLASSES];
    for (int row = 0; row < CLASSES; row++) {
      output[row] = bias(row);
      for (int i = 0; i < input.length; i++) {
        output[row] += (double) weight(row * input.length + i) * input[i];
      }
    }
    return output;
  }

  private static void check(double[] actual, double[] expected) {
    assertThat(actual).hasSize(CLASSES);
    for (int i = 0; i < CLASSES; i++) {
      // Inputs agree to about 1e-6 of their size, 1; weights are below 0.1, so 2000 of them add up
      // to sqrt(2000) * 0.1 * 1e-6 = 5e-6.
      assertThat(actual[i]).isCloseTo(expected[i], Offset.offset(2e-5));
    }
    assertThat(expected[0]).isNotCloseTo(expected[1], Offset.offset(1e-3));
  }

  private static float weight(int i) {
    return (i * 37 % 101 - 50) / 512f;
  }

  private static float bias(int i) {
    return (i - 1) / 8f;
  }

  private static float[] weights(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = weight(i);
    }
    return values;
  }

  private static float[] biases() {
    return new float[] {bias(0), bias(1), bias(2)};
  }

  private Path head(String prefix, int inputs) {
    return head("head.safetensors", prefix, inputs, weights(CLASSES * inputs));
  }

  private Path head(String name, String prefix, int inputs, float[] weights) {
    Path file = folder.resolve(name);
    long classes = weights.length / inputs;
    SafetensorsWriter.write(
        file,
        Map.of(
            new TensorInfo(prefix + "weight", "F32", List.of(classes, (long) inputs)),
            weights,
            new TensorInfo(prefix + "bias", "F32", List.of((long) CLASSES)),
            biases()));
    return file;
  }

  /** The file holds weight [3, 256] and bias [3] of the formulas above, as torch.save writes it. */
  @Test
  void anOriginalPthFileGivesTheSame() throws IOException {
    Path file = folder.resolve("dinov2_linear_head.pth");
    try (InputStream in = ClassificationHeadTest.class.getResourceAsStream("head.pth")) {
      Files.copy(in, file);
    }
    ClassificationHead head = ClassificationHead.open(file, tiny.config());
    assertThat(logits(tiny, head))
        .containsExactly(logits(tiny, ClassificationHead.open(head("", 2 * WIDTH), tiny.config())));
  }

  @ParameterizedTest
  @CsvSource({"classifier.", "linear_head.", "head."})
  void headsInsideModelsAreFound(String prefix) {
    ClassificationHead head = ClassificationHead.open(head(prefix, 2 * WIDTH), tiny.config());
    assertThat(logits(tiny, head))
        .containsExactly(logits(tiny, ClassificationHead.open(head("", 2 * WIDTH), tiny.config())));
  }

  @Test
  void aDirectoryNamesItsClasses() throws IOException {
    head("model.safetensors", "classifier.", 2 * WIDTH, weights(CLASSES * 2 * WIDTH));
    Files.writeString(
        folder.resolve("config.json"),
        "{\"id2label\": {\"2\": \"c\", \"0\": \"a\", \"1\": \"b\"}}");
    ClassificationHead head = ClassificationHead.open(folder, tiny.config());
    assertThat(head.labels()).containsExactly("a", "b", "c");
  }

  @Test
  void predictionsAreSortedSoftmax() {
    ClassificationHead head =
        ClassificationHead.open(head("", 2 * WIDTH), tiny.config())
            .withLabels(List.of("a", "b", "c"));
    double[] logits = logits(tiny, head);
    double sum = Arrays.stream(logits).map(Math::exp).sum();
    List<Prediction> all = head.classify(tiny, image, 7);
    assertThat(all).hasSize(3);
    assertThat(all).isSortedAccordingTo((a, b) -> Double.compare(b.logit(), a.logit()));
    for (Prediction prediction : all) {
      assertThat(prediction.logit()).isEqualTo(logits[prediction.index()]);
      assertThat(prediction.label()).isEqualTo(List.of("a", "b", "c").get(prediction.index()));
      assertThat(prediction.probability())
          .isCloseTo(Math.exp(prediction.logit()) / sum, Offset.offset(1e-12));
    }
    assertThat(head.classify(tiny, image, 1)).containsExactly(all.getFirst());
  }

  @Test
  void equalLogitsComeInTheOrderOfTheirNumbers() {
    Path file = folder.resolve("zero.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of(
            new TensorInfo("weight", "F32", List.of(3L, 256L)),
            new float[3 * 256],
            new TensorInfo("bias", "F32", List.of(3L)),
            new float[3]));
    assertThat(ClassificationHead.open(file, tiny.config()).classify(tiny, image, 3))
        .extracting(Prediction::label)
        .containsExactly("0", "1", "2");
  }

  @Test
  void aHeadOfAnotherWidthIsRefused() {
    Path file = head("", 2 * 384);
    assertThatThrownBy(() -> ClassificationHead.open(file, tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("width 128 has 256 inputs")
        .hasMessageContaining("[3, 768]");
  }

  @Test
  void fourBlocksMustBeThere() {
    Path file = head("", 5 * WIDTH);
    assertThatThrownBy(() -> ClassificationHead.open(file, tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("the model has only 2");
  }

  @Test
  void weightsThatAreNotFiniteAreRefused() {
    float[] weights = weights(CLASSES * 2 * WIDTH);
    weights[7] = Float.NaN;
    Path file = head("nan.safetensors", "", 2 * WIDTH, weights);
    assertThatThrownBy(() -> ClassificationHead.open(file, tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("finite")
        .hasMessageContaining("damaged");
  }

  @Test
  void aBiasThatDoesNotFitIsRefused() {
    Path file = head("bias.safetensors", "", 2 * WIDTH, weights(2 * 2 * WIDTH));
    assertThatThrownBy(() -> ClassificationHead.open(file, tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("[2, 256] and [3]");
  }

  @Test
  void truncatedFilesMissingFilesAndFilesWithoutHeadAreRefused() throws IOException {
    Path file = head("", 2 * WIDTH);
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 4));
    assertThatThrownBy(() -> ClassificationHead.open(file, tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("head.safetensors");
    assertThatThrownBy(() -> ClassificationHead.open(folder.resolve("no.pth"), tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("no such file");
    Path other = head("fc.", 2 * WIDTH);
    assertThatThrownBy(() -> ClassificationHead.open(other, tiny.config()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("classifier.weight");
  }

  @Test
  void namesMustBeAsManyAsClasses() {
    ClassificationHead head = ClassificationHead.open(head("", 2 * WIDTH), tiny.config());
    assertThatThrownBy(() -> head.withLabels(List.of("a", "b")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("3 classes, got 2 names");
  }

  @Test
  void theModelMustBeTheOneThatTheHeadIsFor() {
    ClassificationHead head = ClassificationHead.open(head("", 2 * WIDTH), tiny.config());
    try (Fovea other = Fovea.open("synthetic:tiny")) {
      assertThatThrownBy(() -> head.classify(other, image, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the head is for");
    }
    assertThatThrownBy(() -> head.classify(tiny, image, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
