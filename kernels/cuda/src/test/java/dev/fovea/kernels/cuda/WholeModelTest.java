package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.AttentionBias;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.ForwardPasses;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Preprocessing;
import dev.fovea.RegisterNeuron;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tiny models from pixels to features on the interpreted GPU, beside the CPU. */
class WholeModelTest {

  /** Photographs are taken as they are, not brought to 224 pixels. */
  private static final Options AS_THEY_ARE =
      Options.DEFAULT.withPreprocessing(Preprocessing.DINOV2.withSize(0, 0, 0));

  private static final FeatureRequest EVERYTHING =
      FeatureRequest.of(
              Feature.TOKENS,
              Feature.PRENORM_TOKENS,
              Feature.ATTENTION,
              Feature.KEYS,
              Feature.CLS,
              Feature.PATCHES)
          .withAllBlocks(2);

  /** How far 16-bit operands may lead a whole model away: what users are promised. */
  private record Limits(double clsCosine, double patchCosine, double relative) {

    static Limits of(WeightStorage storage) {
      return storage == WeightStorage.BF16
          ? new Limits(0.9995, 0.998, 2e-2)
          : new Limits(0.9999, 0.9995, 5e-3);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "auto,   synthetic:tiny-reg4,         70,  70, F16",
    "auto,   synthetic:tiny-reg4,         70,  70, BF16",
    "auto,   synthetic:tiny-reg4,         98,  56, F16",
    "auto,   synthetic:tiny-reg4,        224, 224, F16",
    "auto,   synthetic:tiny,              70,  70, F16",
    "auto,   synthetic:tiny-swiglu-reg4,  42,  42, F16",
    "auto,   synthetic:tiny-swiglu-reg4,  70,  70, BF16",
    "hopper, synthetic:tiny-reg4,         98,  56, BF16",
    "hopper, synthetic:tiny-reg4,        224, 224, BF16",
    "hopper, synthetic:tiny-reg4,        238, 252, F16",
    "hopper, synthetic:tiny-swiglu-reg4,  70,  70, F16"
  })
  void featuresAreThoseOfTheCpu(
      String kernels, String model, int width, int height, WeightStorage storage) {
    Limits limits = Limits.of(storage);
    for (Image image : List.of(photograph(width, height, 1), planes(width, height, 2))) {
      Features expected = features(model, "cpu", "auto", WeightStorage.F32, image);
      Features got = features(model, "interpreted", kernels, storage, image);
      check(got, expected, limits);
    }
  }

  /**
   * What stands in the place of registers changes matrices between the verbs, and an attention bias
   * makes them a row longer than what they are computed from. In a batch, where every image has to
   * find its own rows; with more than 272 tokens, too, which other kernels attend to.
   */
  @ParameterizedTest
  @CsvSource({
    "auto,   synthetic:tiny,              70,  70, F16,  BIAS",
    "auto,   synthetic:tiny-reg4,         56,  42, BF16, PAPER",
    "auto,   synthetic:tiny-swiglu-reg4,  42,  42, F16,  REPO",
    "auto,   synthetic:tiny,             238, 224, F16,  BIAS",
    "hopper, synthetic:tiny-swiglu-reg4,  70,  70, BF16, BIAS",
    "hopper, synthetic:tiny,              70,  56, F16,  PAPER",
    "hopper, synthetic:tiny-reg4,         42,  42, F16,  REPO",
    "hopper, synthetic:tiny,             238, 224, F16,  BIAS"
  })
  void changedRegistersGiveTheFeaturesOfTheCpu(
      String kernels, String model, int width, int height, WeightStorage storage, String kind) {
    FeatureRequest request = EVERYTHING.withRegisters(registers(kind));
    List<Image> images = List.of(photograph(width, height, 5), photograph(width, height, 6));
    try (Fovea cpu = open(model, "cpu", "auto", WeightStorage.F32);
        Fovea gpu = open(model, "interpreted", kernels, storage)) {
      List<Features> expected = cpu.featuresAll(images, request);
      List<Features> got = gpu.featuresAll(images, request);
      for (int i = 0; i < images.size(); i++) {
        check(got.get(i), expected.get(i), Limits.of(storage));
        float[] unchanged = cpu.features(images.get(i), EVERYTHING).get(Feature.CLS);
        assertThat(relativeError(expected.get(i).get(Feature.CLS), unchanged))
            .as("what the registers change")
            .isGreaterThan(Limits.of(storage).relative());
      }
    }
  }

  /** Of both blocks of the models. */
  private static Registers registers(String kind) {
    List<RegisterNeuron> neurons =
        List.of(
            new RegisterNeuron(0, 0),
            new RegisterNeuron(0, 343),
            new RegisterNeuron(1, 5),
            new RegisterNeuron(1, 300));
    return switch (kind) {
      case "BIAS" ->
          new AttentionBias(
              neurons,
              new float[][] {Numbers.random(1, 128, 0, 1), Numbers.random(2, 128, 0, 1)},
              new float[][] {Numbers.random(3, 128, 0, 1), Numbers.random(4, 128, 0, 1)},
              null);
      default -> new TestTimeRegister(neurons, TestTimeRegister.Form.valueOf(kind), null);
    };
  }

  @ParameterizedTest
  @CsvSource({"auto, F16", "hopper, BF16"})
  void aNormalisedMeanOfThePatchesIsThatOfTheCpu(String kernels, WeightStorage storage) {
    Options options = AS_THEY_ARE.withPooling(Pooling.MEAN, true);
    List<Image> images = List.of(photograph(56, 42, 7), photograph(56, 42, 8));
    try (Fovea cpu = Fovea.open("synthetic:tiny-reg4", options);
        Fovea gpu =
            Fovea.open(
                "synthetic:tiny-reg4",
                options.withDevice("interpreted").withKernels(kernels).withStorage(storage))) {
      List<float[]> expected = cpu.embedAll(images);
      List<float[]> got = gpu.embedAll(images);
      for (int i = 0; i < images.size(); i++) {
        assertThat(relativeError(got.get(i), expected.get(i)))
            .isLessThanOrEqualTo(Limits.of(storage).relative());
      }
    }
  }

  /**
   * Products of a library that can do nothing behind them, as cuBLAS, and of one that can. Before
   * the graph is recorded, everything is done once outside of it; no result may show that.
   */
  @ParameterizedTest
  @CsvSource({
    "synthetic:tiny-reg4,        F16,  library",
    "synthetic:tiny-reg4,        F16,  fusing-library",
    "synthetic:tiny-swiglu-reg4, BF16, library"
  })
  void aLibrarysProductsGiveTheSameFeatures(String model, WeightStorage storage, String kernels) {
    Image image = photograph(28, 28, 1);
    Features expected = features(model, "cpu", "auto", WeightStorage.F32, image);
    Options options =
        AS_THEY_ARE.withDevice("interpreted").withStorage(storage).withKernels(kernels);
    try (Fovea fovea = Fovea.open(model, options)) {
      assertThat(fovea.device()).contains("products by one thread an element");
      check(fovea.features(image, EVERYTHING), expected, Limits.of(storage));
    }
  }

  private static void check(Features got, Features expected, Limits limits) {
    assertThat(cosine(got.get(Feature.CLS), expected.get(Feature.CLS), 0, width(expected)))
        .as("cosine of CLS")
        .isGreaterThanOrEqualTo(limits.clsCosine());
    float[] patches = expected.get(Feature.PATCHES);
    for (int from = 0; from < patches.length; from += width(expected)) {
      assertThat(cosine(got.get(Feature.PATCHES), patches, from, width(expected)))
          .as("cosine of patch %d", from / width(expected))
          .isGreaterThanOrEqualTo(limits.patchCosine());
    }
    for (Feature feature : EVERYTHING.features()) {
      assertThat(relativeError(got.get(feature), expected.get(feature)))
          .as("relative L2 error of %s", feature)
          .isLessThanOrEqualTo(limits.relative());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"synthetic:tiny-reg4", "synthetic:tiny-swiglu-reg4"})
  void runsBatchesAndRequestsGiveTheSameBits(String model) {
    Image first = photograph(140, 126, 3);
    Image second = photograph(140, 126, 4);
    FeatureRequest cls = FeatureRequest.of(Feature.CLS);
    try (Fovea fovea = open(model, "interpreted", "auto", WeightStorage.F32)) {
      float[] expected = fovea.features(first, EVERYTHING).get(Feature.TOKENS);
      assertThat(fovea.features(first, EVERYTHING).get(Feature.TOKENS)).isEqualTo(expected);
      List<Features> batch = fovea.featuresAll(List.of(second, first, second, first), EVERYTHING);
      assertThat(batch.get(1).get(Feature.TOKENS)).isEqualTo(expected);
      assertThat(batch.get(3).get(Feature.TOKENS)).isEqualTo(expected);
      assertThat(batch.get(0).get(Feature.TOKENS)).isNotEqualTo(expected);
      assertThat(fovea.features(first, cls).get(Feature.CLS))
          .isEqualTo(batch.get(1).get(Feature.CLS));
    }
  }

  /**
   * The same for compute capability 9.0, where products of some rows are computed by other kernels
   * than products of all: a request for CLS alone has bits of its own, in batches too.
   */
  @Test
  void runsAndBatchesGiveTheSameBitsOnHopper() {
    Image first = photograph(140, 126, 3);
    Image second = photograph(140, 126, 4);
    FeatureRequest cls = FeatureRequest.of(Feature.CLS);
    try (Fovea fovea =
        open("synthetic:tiny-swiglu-reg4", "interpreted", "hopper", WeightStorage.F32)) {
      for (FeatureRequest request : List.of(EVERYTHING, cls)) {
        float[] expected = fovea.features(first, request).get(Feature.CLS);
        assertThat(fovea.features(first, request).get(Feature.CLS)).isEqualTo(expected);
        List<Features> batch = fovea.featuresAll(List.of(second, first, second, first), request);
        assertThat(batch.get(1).get(Feature.CLS)).isEqualTo(expected);
        assertThat(batch.get(3).get(Feature.CLS)).isEqualTo(expected);
        assertThat(batch.get(0).get(Feature.CLS)).isNotEqualTo(expected);
      }
    }
  }

  /** When a model is opened, not when it is first asked. */
  @Test
  void aModelWithOtherHeadsIsRefused() {
    Options options = Options.DEFAULT.withDevice("interpreted");
    assertThatThrownBy(() -> Fovea.open(() -> weights("{\"num_attention_heads\": 4}"), options))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("4 heads of a width of 128 have 32.0 columns each")
        .hasMessageContaining("only heads of 64; use the CPU");
  }

  private static VitWeights weights(String config) {
    return VitWeights.of(new SyntheticCheckpoint("synthetic:tiny-reg4"), config, null, null);
  }

  /** The weights stay until the device is closed, everything else until its plan is. */
  @ParameterizedTest
  @CsvSource({"ptx", "hopper"})
  void plansGiveBackWhatTheyHold(String kernels) {
    InterpretedDriver driver = new InterpretedDriver(InterpretedGpu.HOPPER);
    try (CudaDevice device =
            new CudaDevice(() -> driver, Precision.F16, Multiplier.named(kernels));
        VitWeights weights = weights(null)) {
      ForwardPasses passes = new ForwardPasses(weights, device);
      device.run(driver::keepAllocations);
      List<Plan> plans = new ArrayList<>();
      for (int images = 1; images <= 2; images++) {
        plans.add(passes.record(images, 28, 28, EVERYTHING).plan());
        plans.getLast().run();
      }
      assertThatThrownBy(() -> device.run(driver::assertNothingLeaked))
          .hasMessageContainingAll("device memory", "pinned memory", "graph");
      plans.forEach(Plan::close);
      device.run(driver::assertNothingLeaked);
    }
  }

  /** What was there before a plan that has no room stays usable, and no part of that plan stays. */
  @Test
  void aPlanWithoutRoomLeavesNothingBehind() {
    GpuFacts small = new GpuFacts("PTX interpreter", 80, 4, 163 * 1024, 4 << 20, 13000);
    InterpretedDriver driver = new InterpretedDriver(small);
    try (CudaDevice device = new CudaDevice(() -> driver, Precision.F16, Multiplier.PTX);
        VitWeights weights = weights(null)) {
      ForwardPasses passes = new ForwardPasses(weights, device);
      device.run(driver::keepAllocations);
      Plan plan = passes.record(1, 28, 28, EVERYTHING).plan();
      assertThatThrownBy(() -> passes.record(32, 112, 112, EVERYTHING))
          .isInstanceOf(OutOfMemoryError.class)
          .hasMessageContaining("out of memory");
      plan.run();
      plan.close();
      device.run(driver::assertNothingLeaked);
    }
  }

  private static Features features(
      String model, String device, String kernels, WeightStorage storage, Image image) {
    try (Fovea fovea = open(model, device, kernels, storage)) {
      return fovea.features(image, EVERYTHING);
    }
  }

  private static Fovea open(String model, String device, String kernels, WeightStorage storage) {
    return Fovea.open(
        model, AS_THEY_ARE.withDevice(device).withKernels(kernels).withStorage(storage));
  }

  private static int width(Features features) {
    return features.get(Feature.CLS).length;
  }

  private static Image photograph(int width, int height, long seed) {
    byte[] bytes = new byte[3 * width * height];
    new Random(seed).nextBytes(bytes);
    return Image.rgb(width, height, bytes);
  }

  private static Image planes(int width, int height, long seed) {
    float[] samples = new float[3 * width * height];
    Random random = new Random(seed);
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (float) random.nextGaussian();
    }
    return Image.planes(width, height, samples);
  }

  private static double cosine(float[] got, float[] want, int from, int count) {
    double product = 0;
    double gotSquares = 0;
    double wantSquares = 0;
    for (int i = from; i < from + count; i++) {
      product += (double) got[i] * want[i];
      gotSquares += (double) got[i] * got[i];
      wantSquares += (double) want[i] * want[i];
    }
    return product / Math.sqrt(gotSquares * wantSquares);
  }

  private static double relativeError(float[] got, float[] want) {
    assertThat(got).hasSameSizeAs(want);
    double difference = 0;
    double squares = 0;
    for (int i = 0; i < got.length; i++) {
      difference += ((double) got[i] - want[i]) * ((double) got[i] - want[i]);
      squares += (double) want[i] * want[i];
    }
    return Math.sqrt(difference / squares);
  }
}
