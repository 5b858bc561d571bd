package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.analysis.Box;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LocalizationTest {

  private static final Box BOX = new Box(0, 0, 4, 4);

  private static Localization beside(Box... truth) {
    return new Localization(Optional.of(BOX), List.of(truth));
  }

  @Test
  void theMostAlikeBoxCounts() {
    Localization half = beside(new Box(8, 8, 9, 9), new Box(0, 0, 4, 2));
    assertThat(half.overlap()).isEqualTo(0.5);
    assertThat(half.correct()).isTrue();
    assertThat(beside(new Box(0, 0, 4, 1.99)).correct()).isFalse();
  }

  @Test
  void nothingFoundOrNothingMarkedIsNoOverlap() {
    assertThat(new Localization(Optional.empty(), List.of(BOX)).overlap()).isZero();
    assertThat(beside().overlap()).isZero();
  }

  @Test
  void corLocIsTheShareOfImages() {
    List<Localization> images = List.of(beside(BOX), beside(new Box(5, 5, 6, 6)), beside(BOX));
    assertThat(Localization.corLoc(images)).isEqualTo("66.67 % (2 of 3)");
    assertThat(Localization.corLoc(List.of())).isEqualTo("none");
  }
}
