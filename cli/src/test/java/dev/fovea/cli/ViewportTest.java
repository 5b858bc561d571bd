package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Preprocessing;
import dev.fovea.analysis.Box;
import org.junit.jupiter.api.Test;

class ViewportTest {

  /** Of 600 x 400 pixels 300 x 200 are left, and of these those in the middle. */
  private static final Viewport HALVED =
      Viewport.of(600, 400, Preprocessing.DINOV2.withSize(200, 160, 100));

  @Test
  void boxesAreResizedAndMovedWithTheImage() {
    assertThat(HALVED.see(new Box(200, 40, 400, 360))).contains(new Box(0, 0, 100, 160));
    assertThat(HALVED.see(new Box(300, 200, 302, 204))).contains(new Box(50, 80, 51, 82));
  }

  @Test
  void boxesAreCutToTheCrop() {
    assertThat(HALVED.see(new Box(0, 0, 600, 400))).contains(new Box(0, 0, 100, 160));
    assertThat(HALVED.see(new Box(0, 0, 202, 400))).contains(new Box(0, 0, 1, 160));
  }

  @Test
  void boxesOutsideAreNotSeen() {
    assertThat(HALVED.see(new Box(0, 0, 200, 400))).isEmpty();
    assertThat(HALVED.see(new Box(200, 0, 400, 40))).isEmpty();
  }

  @Test
  void paddingMovesBoxesInwards() {
    Viewport padded = Viewport.of(50, 40, Preprocessing.DINOV2.withSize(0, 60, 60));
    assertThat(padded.see(new Box(0, 0, 50, 40))).contains(new Box(5, 10, 55, 50));
  }
}
