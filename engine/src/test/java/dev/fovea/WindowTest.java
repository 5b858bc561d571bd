package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Preprocessing.Rounding;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WindowTest {

  @ParameterizedTest
  @CsvSource({"225, 0, 0", "226, 1, 1", "227, 2, 1", "229, 2, 2", "231, 4, 3", "256, 16, 16"})
  void cropStartsWhereEachImplementationRoundsTo(int length, int original, int huggingFace) {
    assertThat(Window.center(length, 224, Rounding.ORIGINAL))
        .isEqualTo(new Window(original, 0, 224));
    assertThat(Window.center(length, 224, Rounding.HUGGING_FACE))
        .isEqualTo(new Window(huggingFace, 0, 224));
  }

  @ParameterizedTest
  @CsvSource({"223, 0, 1", "222, 1, 1", "221, 1, 2", "1, 111, 112"})
  void paddingIsSplitAsEachImplementationDoes(int length, int original, int huggingFace) {
    assertThat(Window.center(length, 224, Rounding.ORIGINAL))
        .isEqualTo(new Window(0, original, length));
    assertThat(Window.center(length, 224, Rounding.HUGGING_FACE))
        .isEqualTo(new Window(0, huggingFace, length));
  }

  @ParameterizedTest
  @CsvSource({"0", "224"})
  void nothingIsCutWithoutACropOrWithOneOfTheSameSize(int crop) {
    assertThat(Window.center(224, crop, Rounding.ORIGINAL)).isEqualTo(new Window(0, 0, 224));
  }
}
