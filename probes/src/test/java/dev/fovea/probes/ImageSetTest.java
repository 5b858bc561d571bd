package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.FoveaException;
import dev.fovea.probes.ImageSet.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageSetTest {

  @TempDir private Path root;

  private void images(String folder, int count) throws IOException {
    Files.createDirectories(root.resolve(folder));
    for (int i = 0; i < count; i++) {
      Files.createFile(root.resolve(folder).resolve("image" + i + ".JPG"));
    }
  }

  @Test
  void aShareOfEveryClassIsDrawn() throws IOException {
    images("dog", 10);
    images("cat/kittens", 5);
    images(".git", 3);
    Files.createFile(root.resolve("dog/readme.txt"));
    Files.createFile(root.resolve("dog/._image0.jpg"));
    ImageSet set = ImageSet.read(root, 0.2, 1);
    assertThat(set.classes()).containsExactly("cat", "dog");
    assertThat(set.validation()).extracting(Sample::label).containsExactly(0, 1, 1);
    assertThat(set.train()).hasSize(12);
    Set<Sample> all = new HashSet<>(set.train());
    all.addAll(set.validation());
    assertThat(all).hasSize(15);
    assertThat(all)
        .allMatch(
            sample -> sample.file().startsWith(root.resolve(set.classes().get(sample.label()))));
  }

  @Test
  void imagesHaveExtensionsAndNoDotInFront() {
    assertThat(ImageSet.isImage(Path.of("dog", "image.JPG"))).isTrue();
    assertThat(ImageSet.isImage(Path.of("dog", "._image.jpg"))).isFalse();
    assertThat(ImageSet.isImage(Path.of("dog", "readme.txt"))).isFalse();
  }

  @Test
  void theDrawDependsOnTheSeedAlone() throws IOException {
    images("cat", 30);
    images("dog", 30);
    ImageSet first = ImageSet.read(root, 0.3, 1);
    assertThat(ImageSet.read(root, 0.3, 1)).isEqualTo(first);
    assertThat(ImageSet.read(root, 0.3, 2).validation()).isNotEqualTo(first.validation());
  }

  @Test
  void everyClassKeepsAnImageOnEitherSide() throws IOException {
    images("cat", 2);
    images("dog", 3);
    assertThat(ImageSet.read(root, 0.01, 1).validation()).hasSize(2);
    assertThat(ImageSet.read(root, 0.99, 1).train()).hasSize(2);
  }

  @Test
  void foldersCanSayWhatIsTestedOn() throws IOException {
    images("train/cat", 3);
    images("train/dog", 4);
    images("val/dog", 2);
    ImageSet set = ImageSet.read(root, 0.5, 1);
    assertThat(set.classes()).containsExactly("cat", "dog");
    assertThat(set.train()).extracting(Sample::label).containsExactly(0, 0, 0, 1, 1, 1, 1);
    assertThat(set.validation()).extracting(Sample::label).containsExactly(1, 1);
  }

  @Test
  void imagesNeedNoClasses() throws IOException {
    images(".", 4);
    ImageSet set = ImageSet.read(root, 0.25, 1);
    assertThat(set.classes()).isEmpty();
    assertThat(set.train()).hasSize(3);
    assertThat(set.validation()).hasSize(1);
    images("train", 2);
    images("test", 1);
    assertThat(ImageSet.read(root, 0.25, 1))
        .isEqualTo(
            new ImageSet(
                List.of(),
                List.of(
                    new Sample(root.resolve("train/image0.JPG"), 0),
                    new Sample(root.resolve("train/image1.JPG"), 0)),
                List.of(new Sample(root.resolve("test/image0.JPG"), 0))));
  }

  @Test
  void setsThatCannotBeUsedAreRefused() throws IOException {
    refused("no images");
    images("cat", 1);
    refused("two images at least");
    Files.createDirectories(root.resolve("dog"));
    images("cat2", 2);
    Files.delete(root.resolve("cat/image0.JPG"));
    refused("no images in " + root.resolve("cat"));
    assertThatThrownBy(() -> ImageSet.read(root.resolve("none"), 0.2, 1))
        .isInstanceOf(FoveaException.class)
        .hasMessageContaining("expected a folder");
    assertThatThrownBy(() -> ImageSet.read(root, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("between 0 and 1");
  }

  @Test
  void classesThatWereNotLearntAreRefused() throws IOException {
    images("train/cat", 2);
    images("val/dog", 1);
    refused("there is no class of that name");
  }

  private void refused(String message) {
    assertThatThrownBy(() -> ImageSet.read(root, 0.2, 1))
        .isInstanceOf(FoveaException.class)
        .hasMessageContaining(message);
  }
}
