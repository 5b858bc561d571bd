package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.Parity.Difference;
import dev.fovea.Parity.Limits;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.WeightStorage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Differences between devices are measured where they are, and judged by their limits. */
class ParityTest {

  private static final String MODEL = "synthetic:tiny-reg4";

  private static final List<Image> IMAGES = List.of(image(1, 28, 42), image(2, 56, 28));

  private static Image image(int seed, int width, int height) {
    return Image.planes(
        width, height, SyntheticCheckpoint.uniform("image", seed, 3 * width * height));
  }

  @Test
  void aModelIsLikeItself() {
    try (Fovea model = Fovea.open(MODEL)) {
      Parity parity = Parity.between(model, model, IMAGES);
      assertThat(parity.differences().keySet())
          .containsExactly(
              "block 0", "block 1", "CLS", "registers", "patches", "tokens", "embedding");
      assertThat(parity.differences().values())
          .allSatisfy(
              difference -> {
                assertThat(difference.relativeL2()).isZero();
                assertThat(difference.largest()).isZero();
                // A cosine of float64 sums is off by roundings of its 3 x 128 products.
                assertThat(difference.lowestCosine()).isBetween(1 - 1e-13, 1 + 1e-13);
              });
      assertThat(parity.violations(Limits.FLOAT16)).isEmpty();
    }
  }

  /** Float32 kernels that sum in different orders agree to within a few roundings of 6e-8. */
  @Test
  void scalarAndVectorKernelsDifferByRoundings() {
    try (Fovea scalar = Fovea.open(MODEL, Options.DEFAULT.withKernels("scalar"));
        Fovea vector = Fovea.open(MODEL, Options.DEFAULT.withKernels("vector"))) {
      Parity parity = Parity.between(scalar, vector, IMAGES);
      assertThat(parity.differences().values())
          .allSatisfy(
              difference -> {
                assertThat(difference.relativeL2()).isBetween(1e-9, 5e-6);
                assertThat(difference.largest()).isPositive();
              });
      assertThat(parity.violations(Limits.FLOAT16)).isEmpty();
    }
  }

  /** Weights with 8 bits of significand are off by up to 2^-9, and so are products with them. */
  @Test
  void roundedWeightsShowUpAndAreWithinTheirLimits() {
    try (Fovea exact = Fovea.open(MODEL);
        Fovea rounded = Fovea.open(MODEL, Options.DEFAULT.withStorage(WeightStorage.BF16))) {
      Parity parity = Parity.between(exact, rounded, IMAGES);
      assertThat(parity.differences().get(Parity.TOKENS).relativeL2()).isBetween(1e-4, 1e-2);
      assertThat(parity.violations(Limits.of(WeightStorage.BF16))).isEmpty();
    }
  }

  @Test
  void modelsWithoutRegistersHaveNoneToCompare() {
    try (Fovea model = Fovea.open("synthetic:tiny")) {
      assertThat(Parity.between(model, model, IMAGES).differences())
          .doesNotContainKey(Parity.REGISTERS);
    }
  }

  @Test
  void otherModelsAreRefused() {
    Options pooled = Options.DEFAULT.withPooling(Pooling.CLS_MEAN, false);
    try (Fovea model = Fovea.open(MODEL);
        Fovea plain = Fovea.open("synthetic:tiny");
        Fovea longer = Fovea.open(MODEL, pooled)) {
      for (Fovea other : List.of(plain, longer)) {
        assertThatThrownBy(() -> Parity.between(model, other, IMAGES))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("one model on two devices");
      }
      assertThatThrownBy(() -> Parity.between(model, model, List.of()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("at least one image");
    }
  }

  @Test
  void anotherModelOfTheSameShapeIsFarOutside() {
    try (Fovea model = Fovea.open(MODEL);
        Fovea other = Fovea.open(MODEL + "@2")) {
      Parity parity = Parity.between(model, other, IMAGES);
      assertThat(parity.violations(Limits.BFLOAT16))
          .hasSize(4)
          .anyMatch(line -> line.startsWith("lowest cosine of CLS is "))
          .anyMatch(line -> line.startsWith("lowest cosine of patches is "))
          .anyMatch(line -> line.startsWith("relative L2 difference of all tokens is "));
    }
  }

  @Test
  void everyLimitIsJudgedByItself() {
    assertThat(parityWith(Parity.CLS, new Difference(0, 0, 0.99989)).violations(Limits.FLOAT16))
        .containsExactly("lowest cosine of CLS is 0.999890, at least 0.9999 expected");
    assertThat(parityWith(Parity.PATCHES, new Difference(0, 0, 0.9994)).violations(Limits.FLOAT16))
        .containsExactly("lowest cosine of patches is 0.999400, at least 0.9995 expected");
    assertThat(parityWith(Parity.TOKENS, new Difference(6e-3, 0, 1)).violations(Limits.FLOAT16))
        .containsExactly(
            "relative L2 difference of all tokens is 6.00e-03, at most 5e-03 expected");
    assertThat(parityWith(Parity.TOKENS, new Difference(6e-3, 0, 1)).violations(Limits.BFLOAT16))
        .isEmpty();
  }

  @Test
  void whatIsNoNumberIsNeverNearEnough() {
    Difference none = new Difference(Double.NaN, Double.NaN, Double.NaN);
    for (String name : List.of(Parity.CLS, Parity.PATCHES, Parity.TOKENS, Parity.EMBEDDING)) {
      assertThat(parityWith(name, none).violations(Limits.BFLOAT16)).hasSize(1);
    }
  }

  private static Parity parityWith(String name, Difference difference) {
    Map<String, Difference> differences = new LinkedHashMap<>();
    for (String each : List.of(Parity.CLS, Parity.PATCHES, Parity.TOKENS, Parity.EMBEDDING)) {
      differences.put(each, new Difference(0, 0, 1));
    }
    differences.put(name, difference);
    return new Parity(differences);
  }

  /** What one image shows is not hidden by another, nor by the order. */
  @Test
  void theWorstOfAllImagesCounts() {
    try (Fovea exact = Fovea.open(MODEL);
        Fovea rounded = Fovea.open(MODEL, Options.DEFAULT.withStorage(WeightStorage.BF16))) {
      List<Difference> alone = new ArrayList<>();
      for (Image image : IMAGES) {
        alone.add(Parity.between(exact, rounded, List.of(image)).differences().get(Parity.PATCHES));
      }
      Difference both = Parity.between(exact, rounded, IMAGES).differences().get(Parity.PATCHES);
      assertThat(both)
          .isEqualTo(
              new Difference(
                  Math.max(alone.get(0).relativeL2(), alone.get(1).relativeL2()),
                  Math.max(alone.get(0).largest(), alone.get(1).largest()),
                  Math.min(alone.get(0).lowestCosine(), alone.get(1).lowestCosine())));
    }
  }
}
