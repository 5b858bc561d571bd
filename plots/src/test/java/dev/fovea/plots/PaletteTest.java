package dev.fovea.plots;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PaletteTest {

  @Test
  void everyNumberHasAColourOfItsOwn() {
    assertThat(Palette.of(IntStream.range(0, Palette.COLORS).toArray())).doesNotHaveDuplicates();
  }

  @Test
  void moreNumbersThanColoursAreRefused() {
    assertThatThrownBy(() -> Palette.of(new int[] {Palette.COLORS}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("24");
  }
}
