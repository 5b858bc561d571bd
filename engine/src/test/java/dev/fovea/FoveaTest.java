package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.WeightStorage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The public API on a tiny model: results, memory of the caller's, and every refusal. */
class FoveaTest {

  private static Fovea model;

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    model = Fovea.open("synthetic:tiny-reg4");
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void photographIsResizedCroppedAndEmbedded() {
    float[] embedding = model.embed(photograph(300, 200));
    assertThat(embedding).hasSize(128).doesNotContain(Float.NaN);
    Image.Rgb cropped = Preprocessor.apply((Image.Rgb) photograph(300, 200), model.preprocessing());
    assertThat(cropped.width()).isEqualTo(224);
    Options asIs = Options.DEFAULT.withPreprocessing(model.preprocessing().withSize(0, 0, 0));
    try (Fovea same = Fovea.open("synthetic:tiny-reg4", asIs)) {
      assertThat(same.embed(cropped)).containsExactly(embedding);
    }
  }

  @Test
  void rgbAndItsNormalisedPlanesGiveTheSameBits() {
    Image.Rgb rgb = Preprocessor.apply((Image.Rgb) photograph(300, 200), model.preprocessing());
    float[] lookup = Preprocessor.lookup(model.preprocessing());
    int pixels = rgb.width() * rgb.height();
    float[] planes = new float[3 * pixels];
    for (int i = 0; i < pixels; i++) {
      for (int channel = 0; channel < 3; channel++) {
        planes[channel * pixels + i] =
            lookup[channel * 256 + Byte.toUnsignedInt(rgb.samples()[3 * i + channel])];
      }
    }
    assertThat(model.embed(Image.planes(rgb.width(), rgb.height(), planes)))
        .containsExactly(model.embed(photograph(300, 200)));
  }

  @Test
  void embeddingIsPooledAndNormalisedAsAsked() {
    Image image = planes(70, 70);
    Features features = model.features(image, FeatureRequest.of(Feature.CLS, Feature.PATCHES));
    float[] cls = features.get(Feature.CLS);
    float[] patches = features.get(Feature.PATCHES);
    double[] expected = new double[256];
    for (int channel = 0; channel < 128; channel++) {
      expected[channel] = cls[channel];
      for (int patch = 0; patch < 25; patch++) {
        expected[128 + channel] += patches[patch * 128 + channel] / 25.0;
      }
    }
    double norm = Math.sqrt(Arrays.stream(expected).map(value -> value * value).sum());
    try (Fovea pooled =
        Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withPooling(Pooling.CLS_MEAN, true))) {
      float[] embedding = pooled.embed(image);
      assertThat(embedding).hasSize(256);
      for (int i = 0; i < 256; i++) {
        assertThat((double) embedding[i]).isCloseTo(expected[i] / norm, within());
      }
    }
  }

  private static Offset<Double> within() {
    return Offset.offset(1e-6);
  }

  @Test
  void featuresGoIntoMemoryOfTheCallers() {
    Image image = planes(70, 42);
    FeatureRequest request =
        FeatureRequest.of(Feature.CLS, Feature.REGISTERS, Feature.PATCHES).withBlocks(1);
    FeatureLayout layout = model.layout(image, request);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(layout.bytes() + 8);
      target.set(ValueLayout.JAVA_LONG, layout.bytes(), 42);
      Features features = model.features(image, request, target);
      Features fresh = model.features(image, request);
      for (Feature feature : request.features()) {
        assertThat(features.get(feature)).containsExactly(fresh.get(feature));
      }
      assertThat(features.segment(Feature.CLS).address())
          .isEqualTo(target.address() + layout.offset(Feature.CLS));
      assertThat(target.get(ValueLayout.JAVA_LONG, layout.bytes())).isEqualTo(42);
    }
    assertThat(layout.shape(Feature.BLOCKS)).containsExactly(1, 5 + 15, 128);
  }

  @Test
  void tokensAreClsRegistersPatches() {
    Features features =
        model.features(
            planes(70, 42),
            FeatureRequest.of(Feature.TOKENS, Feature.CLS, Feature.REGISTERS, Feature.PATCHES));
    float[] joined = new float[20 * 128];
    System.arraycopy(features.get(Feature.CLS), 0, joined, 0, 128);
    System.arraycopy(features.get(Feature.REGISTERS), 0, joined, 128, 4 * 128);
    System.arraycopy(features.get(Feature.PATCHES), 0, joined, 5 * 128, 15 * 128);
    assertThat(features.get(Feature.TOKENS)).containsExactly(joined);
  }

  @Test
  void attentionRowsAreRowsOfTheWholeAttention() {
    Features features =
        model.features(
            planes(70, 42),
            FeatureRequest.of(
                Feature.ATTENTION, Feature.CLS_ATTENTION, Feature.REGISTER_ATTENTION));
    float[] whole = features.get(Feature.ATTENTION);
    for (int head = 0; head < 2; head++) {
      assertThat(Arrays.copyOfRange(features.get(Feature.CLS_ATTENTION), head * 20, head * 20 + 20))
          .containsExactly(Arrays.copyOfRange(whole, head * 400, head * 400 + 20));
      assertThat(
              Arrays.copyOfRange(
                  features.get(Feature.REGISTER_ATTENTION), head * 80, head * 80 + 80))
          .containsExactly(Arrays.copyOfRange(whole, head * 400 + 20, head * 400 + 100));
    }
  }

  @Test
  void modelWithoutRegistersGivesAnEmptyArrayForThem() {
    try (Fovea plain = Fovea.open("synthetic:tiny")) {
      Features features =
          plain.features(
              planes(70, 70), FeatureRequest.of(Feature.REGISTERS, Feature.REGISTER_ATTENTION));
      assertThat(features.get(Feature.REGISTERS)).isEmpty();
      assertThat(features.get(Feature.REGISTER_ATTENTION)).isEmpty();
    }
  }

  @Test
  void sizesThatDoNotDivideIntoPatchesAreRefused() {
    assertThatThrownBy(() -> model.embed(planes(70, 71)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("71 x 70")
        .hasMessageContaining("patch size 14")
        .hasMessageContaining("70 x 70");
  }

  @Test
  void valuesThatAreNotFiniteAreRefused() {
    float[] samples = new float[3 * 70 * 70];
    samples[70 * 70 + 3 * 70 + 5] = Float.NaN;
    assertThatThrownBy(() -> model.embed(Image.planes(70, 70, samples)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pixel x 5, y 3 of plane 1 is NaN; planes must be finite");
  }

  @Test
  void targetsThatAreTooSmallOrReadOnlyAreRefused() {
    assertThatThrownBy(() -> model.embed(planes(70, 70), MemorySegment.ofArray(new float[127])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("512")
        .hasMessageContaining("508");
    MemorySegment readOnly = MemorySegment.ofArray(new float[128]).asReadOnly();
    assertThatThrownBy(() -> model.embed(planes(70, 70), readOnly))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("read-only");
  }

  @Test
  void nullIsRefused() {
    assertThatThrownBy(() -> model.embed(null)).isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> model.embed(planes(70, 70), null))
        .isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> model.features(planes(70, 70), null))
        .isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> Fovea.open((String) null)).isInstanceOf(NullPointerException.class);
  }

  @Test
  void blocksThatDoNotExistAreRefused() {
    FeatureRequest request = FeatureRequest.of(Feature.CLS).withBlocks(0, 2);
    assertThatThrownBy(() -> model.features(planes(70, 70), request))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("block 2 does not exist; the model has blocks 0 to 1");
  }

  @Test
  void featuresThatWereNotAskedForAreRefused() {
    Features features = model.features(planes(70, 70), FeatureRequest.of(Feature.CLS));
    assertThatThrownBy(() -> features.get(Feature.KEYS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("KEYS was not asked for");
  }

  @Test
  void namesThatAreNoModelAreRefused() {
    assertThatThrownBy(() -> Fovea.open("no-such-file.safetensors"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("no-such-file.safetensors");
    assertThatThrownBy(() -> Fovea.open("models/no-such-file.safetensors"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("models/no-such-file.safetensors");
    assertThatThrownBy(() -> Fovea.open("synthetic:huge"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("{small,base,large,giant,tiny,tiny-swiglu}");
    assertThatThrownBy(() -> Fovea.open(Path.of("no-such-directory"), Options.DEFAULT))
        .isInstanceOf(CheckpointException.class);
  }

  @Test
  void withoutADecoderTheMissingModuleIsNamed() {
    assertThatThrownBy(() -> Image.decode(new byte[8], "picture", DecodeOptions.DEFAULT))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("dev.fovea:fovea-images");
  }

  @Test
  void weightsThatTheStorageCannotHoldAreNamed() {
    Checkpoint base = new SyntheticCheckpoint("synthetic:tiny");
    Path file = folder.resolve("huge.safetensors");
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    for (TensorInfo tensor : base.tensors().values()) {
      float[] values = new float[Math.toIntExact(tensor.elements())];
      base.read(tensor.name(), 0, values, 0, values.length);
      if (tensor.name().equals("blocks.1.attn.proj.weight")) {
        values[5] = 1e6f;
      }
      tensors.put(tensor, values);
    }
    SafetensorsWriter.write(file, tensors);
    Options half = Options.DEFAULT.withStorage(WeightStorage.F16).withKernels("vector");
    assertThatThrownBy(() -> Fovea.open(file, half))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("blocks.1.attn.proj");
  }

  @Test
  void devicesThatAreNotThereAreRefused() {
    assertThatThrownBy(() -> Fovea.open("synthetic:tiny", Options.DEFAULT.withDevice("abacus")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("abacus")
        .hasMessageContaining("cpu");
  }

  @Test
  void useAfterCloseIsRefusedAndClosingTwiceIsNot() {
    Fovea closed = Fovea.open("synthetic:tiny");
    closed.close();
    closed.close();
    assertThatThrownBy(() -> closed.embed(planes(70, 70)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(closed::warmUp).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void warmUpLeavesResultsAlone() {
    float[] before = model.embed(planes(70, 70));
    model.warmUp();
    assertThat(model.embed(planes(70, 70))).containsExactly(before);
  }

  @Test
  void emptyBatchGivesAnEmptyList() {
    assertThat(model.embedAll(List.of())).isEmpty();
  }

  private static Image planes(int height, int width) {
    return Image.planes(width, height, SyntheticCheckpoint.uniform("image", 1, 3 * height * width));
  }

  private static Image photograph(int width, int height) {
    byte[] samples = new byte[3 * width * height];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) (i * 31 / 7 + i / width);
    }
    return Image.rgb(width, height, samples);
  }
}
