package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.fovea.FoveaException;
import dev.fovea.plots.Picture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureFolderTest {

  private static final List<Picture.Format> BOTH = List.of(Picture.Format.PNG, Picture.Format.SVG);

  @TempDir private Path root;

  private static Picture white() {
    return new Picture(3, 2, graphics -> {});
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> found = Files.list(folder)) {
      return found.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void picturesAppearTogether() throws IOException {
    Path out = root.resolve("a/b");
    try (PictureFolder folder = PictureFolder.open(out, BOTH)) {
      folder.draw("one", PictureFolderTest::white);
      folder.draw("two", PictureFolderTest::white);
      assertThat(names(out)).hasSize(4).allMatch(name -> name.startsWith("."));
      folder.commit();
    }
    assertThat(names(out)).containsExactly("one.png", "one.svg", "two.png", "two.svg");
    assertThat(ImageIO.read(out.resolve("two.png").toFile()).getWidth()).isEqualTo(3);
  }

  @Test
  void whatIsNotCommittedLeavesEverythingAsItWas() throws IOException {
    Path old = Files.writeString(root.resolve("one.png"), "old");
    for (Path out : List.of(root, root.resolve("a/b"))) {
      try (PictureFolder folder = PictureFolder.open(out, BOTH)) {
        folder.draw("one", PictureFolderTest::white);
      }
      assertThat(names(root)).containsExactly("one.png");
      assertThat(old).hasContent("old");
    }
  }

  @Test
  void whatCannotBeWrittenIsRefusedBeforeAnythingIsDrawn() throws IOException {
    Path file = Files.writeString(root.resolve("file"), "text");
    for (Path out : List.of(file, file.resolve("a/b"))) {
      assertThatThrownBy(() -> PictureFolder.open(out, BOTH))
          .isInstanceOf(FoveaException.class)
          .hasMessageContaining("expected a directory, " + file + " is a file");
    }
    assertThat(names(root)).containsExactly("file");
  }

  @Test
  void aDirectoryThatMayNotBeWrittenToIsRefused() throws IOException {
    Path locked = Files.createDirectory(root.resolve("locked"));
    assumeThat(locked.toFile().setWritable(false) && !Files.isWritable(locked)).isTrue();
    assertThatThrownBy(() -> PictureFolder.open(locked, BOTH))
        .isInstanceOf(FoveaException.class)
        .hasMessageContaining("permission denied");
  }

  @Test
  void nothingIsDrawnWherePicturesAreNotWanted() throws IOException {
    try (PictureFolder folder = PictureFolder.open(null, BOTH)) {
      folder.draw(
          "one",
          () -> {
            throw new AssertionError("drawn");
          });
      folder.commit();
    }
  }

  @Test
  void aNumberedNameIsNoOtherFilesName() {
    List<Path> images =
        List.of(Path.of("a.png"), Path.of("x/a.png"), Path.of("a-2.png"), Path.of("y/a.jpg"));
    assertThat(DrawingOptions.names(images)).containsExactly("a", "a-3", "a-2", "a-4");
  }
}
