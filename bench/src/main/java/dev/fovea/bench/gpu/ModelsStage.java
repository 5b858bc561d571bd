package dev.fovea.bench.gpu;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Parity;
import dev.fovea.Parity.Difference;
import dev.fovea.Preprocessing;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.driver.CudaException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Whole networks beside the CPU, block by block. */
final class ModelsStage implements Stage {

  /** Pixels as they are. */
  private static final Preprocessing PLAIN = Preprocessing.DINOV2.withSize(0, 0, 0);

  @Override
  public String name() {
    return "models";
  }

  @Override
  public void run(Setting setting, Results results) {
    writeImage(setting);
    for (ModelSize model : setting.models()) {
      if (setting.late()) {
        return;
      }
      try (Fovea cpu = open(model, "cpu", WeightStorage.F32, "auto")) {
        for (WeightStorage precision : Setting.PRECISIONS) {
          compare(setting, cpu, model, precision, "auto", results);
        }
        if (model.equals(setting.models().getFirst())) {
          for (String library : List.of("cublas", "cublaslt")) {
            compare(setting, cpu, model, WeightStorage.F16, library, results);
          }
        }
      }
    }
  }

  private static void compare(
      Setting setting,
      Fovea cpu,
      ModelSize model,
      WeightStorage precision,
      String kernels,
      Results results) {
    Map<String, Object> keys =
        Results.row(
            "model",
            model.name(),
            "precision",
            Setting.precision(precision),
            "multiplier",
            kernels);
    try (Fovea gpu = open(model, setting.gpu().device(), precision, kernels)) {
      for (int pixels : setting.scale().parity()) {
        if (!setting.late()) {
          results.add(Results.joined(keys, compare(cpu, gpu, precision, pixels)));
        }
      }
      if (kernels.equals("auto")) {
        writeTokens(setting, gpu, model.name() + "-" + Setting.precision(precision));
      }
    } catch (IllegalArgumentException | CudaException e) { // This library is not there.
      results.add(Results.joined(keys, Results.row("error", e.getMessage())));
    }
  }

  /** An image that other programs can run, as raw RGB. */
  private static void writeImage(Setting setting) {
    int pixels = setting.scale().parity().getFirst();
    try {
      Files.write(
          setting.folder().resolve("image.rgb"), Numbers.bytes("first", 3 * pixels * pixels));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Its tokens, as {@code fovea features} writes them. */
  private static void writeTokens(Setting setting, Fovea gpu, String name) {
    Image image = image("first", setting.scale().parity().getFirst());
    Features features = gpu.features(image, FeatureRequest.of(Feature.TOKENS));
    int[] shape = features.layout().shape(Feature.TOKENS);
    TensorInfo info =
        new TensorInfo("tokens_norm", "F32", Arrays.stream(shape).asLongStream().boxed().toList());
    SafetensorsWriter.write(
        setting.folder().resolve(name + ".safetensors"),
        Map.of(info, features.get(Feature.TOKENS)));
  }

  /** A synthetic model that takes images of any size as they are. */
  static Fovea open(ModelSize model, String device, WeightStorage storage, String kernels) {
    return Fovea.open(
        model.checkpoint(),
        Options.DEFAULT
            .withDevice(device)
            .withStorage(storage)
            .withKernels(kernels)
            .withPreprocessing(PLAIN));
  }

  /** A square image of noise. */
  static Image image(String name, int pixels) {
    return Image.rgb(pixels, pixels, Numbers.bytes(name, 3 * pixels * pixels));
  }

  private static Map<String, Object> compare(
      Fovea cpu, Fovea gpu, WeightStorage precision, int pixels) {
    List<Image> images = List.of(image("first", pixels), image("second", pixels));
    Parity parity = Parity.between(cpu, gpu, images);
    Parity.Limits limits = Parity.Limits.of(precision);
    List<String> violations = new ArrayList<>(parity.violations(limits));
    double attention = attention(cpu, gpu, images.getFirst());
    if (!(attention <= limits.relativeL2())) { // so that NaN is a violation
      violations.add(
          "relative L2 difference of attention is %.2e, at most %.0e expected"
              .formatted(attention, limits.relativeL2()));
    }
    Map<String, Difference> differences = parity.differences();
    List<Object> blocks =
        differences.entrySet().stream()
            .filter(entry -> entry.getKey().startsWith("block "))
            .<Object>map(entry -> entry.getValue().relativeL2())
            .toList();
    return Results.row(
        "pixels",
        pixels,
        "cls_cosine",
        differences.get(Parity.CLS).lowestCosine(),
        "worst_patch_cosine",
        differences.get(Parity.PATCHES).lowestCosine(),
        "relative_l2",
        differences.get(Parity.TOKENS).relativeL2(),
        "block_relative_l2",
        blocks,
        "attention_relative_l2",
        attention,
        "violations",
        violations,
        "pass",
        violations.isEmpty());
  }

  /** Relative L2 difference of all probabilities of the last block. */
  private static double attention(Fovea cpu, Fovea gpu, Image image) {
    FeatureRequest request = FeatureRequest.of(Feature.ATTENTION);
    float[] expected = cpu.features(image, request).get(Feature.ATTENTION);
    float[] actual = gpu.features(image, request).get(Feature.ATTENTION);
    double squares = 0;
    double differences = 0;
    for (int i = 0; i < expected.length; i++) {
      squares += Numbers.square(expected[i]);
      differences += Numbers.square(actual[i] - expected[i]);
    }
    return Math.sqrt(differences / squares);
  }
}
