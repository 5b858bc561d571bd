package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Image;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreprocessCommandTest {

  @TempDir Path folder;

  private static Image.Rgb read(Path file) {
    return (Image.Rgb) Image.read(file);
  }

  @Test
  void writesThePixelsThatTheModelSees() throws IOException {
    Path image = Cli.image(folder.resolve("a.png"), 300, 271, 1);
    Path out = folder.resolve("out.png");
    assertThat(Cli.run("preprocess", image, "--out", out).exit()).isZero();
    Image.Rgb seen = read(out);
    assertThat(seen.width()).isEqualTo(224);
    assertThat(seen.samples())
        .isEqualTo(Preprocessor.apply(read(image), Preprocessing.DINOV2).samples());
  }

  @Test
  void sizesAndRoundingCanBeChosen() throws IOException {
    Path image = Cli.image(folder.resolve("a.png"), 57, 40, 1);
    Path out = folder.resolve("out.png");
    Result result =
        Cli.run(
            "preprocess",
            image,
            "--out",
            out,
            "--resize",
            40,
            "--crop",
            "40x20",
            "--rounding",
            "hugging-face",
            "--model",
            Cli.TINY);
    assertThat(result.exit()).as(result.err()).isZero();
    Preprocessing preprocessing =
        Preprocessing.DINOV2.withSize(40, 40, 20).withRounding(Preprocessing.Rounding.HUGGING_FACE);
    assertThat(read(out).width()).isEqualTo(20);
    assertThat(read(out).samples())
        .isEqualTo(Preprocessor.apply(read(image), preprocessing).samples());
  }

  @Test
  void aFailureLeavesWhatWasThereBefore() throws IOException {
    Path bad = Files.writeString(folder.resolve("bad.png"), "no pixels");
    Path out = Files.writeString(folder.resolve("out.png"), "before");
    Result result = Cli.run("preprocess", bad, "--out", out);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err()).hasLineCount(1).contains(bad.toString());
    assertThat(out).hasContent("before");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(2);
    }
  }

  @Test
  void theFileBehindALinkIsReplacedAndTheLinkStays() throws IOException {
    Path image = Cli.image(folder.resolve("a.png"), 30, 30, 1);
    Path real = Files.writeString(folder.resolve("real.png"), "before");
    Path link = Files.createSymbolicLink(folder.resolve("link.png"), real.getFileName());
    Result result = Cli.run("preprocess", image, "--out", link, "--resize", 0, "--crop", 0);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(link).isSymbolicLink();
    assertThat(read(real).width()).isEqualTo(30);
  }

  @Test
  void aFolderThatIsNotThereIsNamed() throws IOException {
    Path image = Cli.image(folder.resolve("a.png"), 30, 30, 1);
    Result result = Cli.run("preprocess", image, "--out", folder.resolve("no/out.png"));
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err()).hasLineCount(1).contains("there is no directory");
  }

  @Test
  void theImageItselfIsNotReplaced() throws IOException {
    Path image = Cli.image(folder.resolve("image.png"), 30, 40, 1);
    byte[] before = Files.readAllBytes(image);
    Path again = Files.createSymbolicLink(folder.resolve("again.png"), image);
    for (Path out : List.of(image, again)) {
      Result result = Cli.run("preprocess", image, "--out", out);
      assertThat(result.exit()).isEqualTo(1);
      assertThat(result.err()).hasLineCount(1).contains("is the image itself");
      assertThat(Cli.run("features", "-m", Cli.TINY, image, "--out", out).exit()).isEqualTo(1);
    }
    assertThat(image).hasBinaryContent(before);
  }
}
