package dev.fovea;

import dev.fovea.checkpoint.Fixtures;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files in every published layout, opened as they are, against the float64 reference. */
@EveryKernel
class LayoutGoldenTest {

  @ParameterizedTest
  @CsvSource({
    "tiny-reg4/hf, 70x70",
    "tiny-reg4/hf, 42x42",
    "tiny-reg4/hf-sharded, 98x56",
    "tiny-reg4/timm.safetensors, 70x70",
    "tiny-reg4/timm.safetensors, 98x56",
    "tiny-swiglu-reg4/hf, 70x70",
    "tiny-swiglu-reg4/hf, 98x56",
    "tiny-swiglu-reg4/timm.safetensors, 42x42"
  })
  void everyLayoutWithRegistersEqualsTheReference(String file, String size) {
    String folder = file.substring(0, file.indexOf('/'));
    TinyGoldenTest.check(
        Fixtures.path(file).toString(),
        null,
        folder + "/golden-" + size + "-size-antialias.safetensors",
        TinyGoldenTest.tolerance(size));
  }

  @ParameterizedTest
  @ValueSource(strings = {"42x42", "98x56"})
  void withoutRegistersThePolicyFollowsTheOrigin(String size) {
    TinyGoldenTest.check(
        Fixtures.path("tiny-reg0/hf").toString(),
        null,
        "tiny-reg0/golden-" + size + "-size.safetensors",
        TinyGoldenTest.tolerance(size));
    TinyGoldenTest.check(
        Fixtures.path("tiny-reg0/timm.safetensors").toString(),
        null,
        "tiny-reg0/golden-" + size + "-size-antialias.safetensors",
        TinyGoldenTest.tolerance(size));
  }

  /** The goldens are computed from the rounded weights, so the tolerance is that of float32. */
  @ParameterizedTest
  @CsvSource({"f16, 70x70", "f16, 42x42", "bf16, 70x70", "bf16, 42x42"})
  void halfPrecisionFilesEqualTheReferenceOnTheRoundedWeights(String dtype, String size) {
    TinyGoldenTest.check(
        Fixtures.path("tiny-reg4/hf-" + dtype + ".safetensors").toString(),
        null,
        "tiny-reg4/golden-" + dtype + "-" + size + ".safetensors",
        TinyGoldenTest.tolerance(size));
  }
}
