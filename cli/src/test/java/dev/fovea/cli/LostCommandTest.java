package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Preprocessor;
import dev.fovea.analysis.Box;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LostCommandTest {

  private static final int WIDTH = 100;
  private static final int HEIGHT = 60;

  @TempDir Path folder;

  private Path image;

  @BeforeEach
  void image() throws IOException {
    image = Cli.image(folder.resolve("images").resolve("a.png"), WIDTH, HEIGHT, 3);
  }

  private JsonNode found(Object... more) {
    Object[] arguments = new Object[more.length + 5];
    System.arraycopy(new Object[] {"lost", "-m", TINY, image, "--json"}, 0, arguments, 0, 5);
    System.arraycopy(more, 0, arguments, 5, more.length);
    Result result = Cli.run(arguments);
    assertThat(result.exit()).as(result.err()).isZero();
    return JsonMapper.shared().readTree(result.out());
  }

  private JsonNode first(Object... more) {
    return found(more).get("images").get(0);
  }

  private static Box box(JsonNode finding) {
    JsonNode sides = finding.get("box");
    return new Box(
        sides.get(0).asDouble(),
        sides.get(1).asDouble(),
        sides.get(2).asDouble(),
        sides.get(3).asDouble());
  }

  @Test
  void imagesKeepTheirSizeAndArePaddedWithZeros() {
    try (Fovea model = Fovea.open(TINY)) {
      Image.Rgb pixels = (Image.Rgb) Image.read(image);
      float[] lookup = Preprocessor.lookup(model.preprocessing());
      float[] planes = new float[3 * 112 * 70];
      for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
          for (int channel = 0; channel < 3; channel++) {
            int sample = pixels.samples()[3 * (y * WIDTH + x) + channel] & 0xff;
            planes[channel * 112 * 70 + y * 112 + x] = lookup[256 * channel + sample];
          }
        }
      }
      Image padded = Image.planes(112, 70, planes);
      for (PatchFeatures.Source source : PatchFeatures.Source.values()) {
        Lost lost = Lost.find(PatchFeatures.of(model, padded, source), Lost.Settings.ORIGINAL);
        JsonNode finding = first("--features", source.name().toLowerCase(Locale.ROOT));
        assertThat(finding.get("grid").toString()).isEqualTo("[5,8]");
        assertThat(finding.get("seed").asInt()).isEqualTo(lost.seed());
        assertThat(finding.get("object_patches").valueStream().map(JsonNode::asInt))
            .containsExactlyElementsOf(lost.object());
        assertThat(box(finding)).isEqualTo(lost.box(14, WIDTH, HEIGHT).orElseThrow());
      }
    }
  }

  @Test
  void settingsReachTheLibraryAndNoObjectIsNull() {
    JsonNode finding = first("--normalize", "--bias", "-2");
    assertThat(finding.get("box").isNull()).isTrue();
    assertThat(finding.get("seed").asInt()).isZero();
    assertThat(Cli.run("lost", "-m", TINY, image, "--normalize", "--bias", "-2").out())
        .contains("no object");
    assertThat(first("--candidates", 1).get("object_patches"))
        .isNotEqualTo(first().get("object_patches"));
  }

  @Test
  void boxesOfResizedImagesAreInPixelsOfTheFile() {
    Box box = box(first("--resize", 2 * HEIGHT));
    assertThat(box.right()).isLessThanOrEqualTo(WIDTH);
    assertThat(box.bottom()).isLessThanOrEqualTo(HEIGHT);
    assertThat(box.left() * 2 % 14).isCloseTo(0, within(1e-9));
  }

  @Test
  void corLocComparesWithVocAnnotations() throws IOException {
    Path annotations = Files.createDirectory(folder.resolve("voc"));
    Box box = box(first());
    Files.writeString(
        annotations.resolve("a.xml"),
        voc("<name>cat</name>" + bounds(0, 0, 1, 1))
            + voc(
                bounds(box.left(), box.top(), box.right(), box.bottom())
                    + "<part>"
                    + bounds(0, 0, 1, 1)
                    + "</part>"));
    Files.writeString(
        annotations.resolve("a.xml"),
        "<annotation>" + Files.readString(annotations.resolve("a.xml")) + "</annotation>");
    JsonNode result = found("--annotations", annotations);
    assertThat(result.get("corloc").asDouble()).isEqualTo(1);
    assertThat(result.get("images").get(0).get("overlap").asDouble()).isEqualTo(1);
    Result table = Cli.run("lost", "-m", TINY, image, "--annotations", annotations);
    assertThat(table.out()).contains("overlap 1.000").contains("CorLoc 100.00 % (1 of 1)");
  }

  private static String voc(String contents) {
    return "<object>" + contents + "</object>";
  }

  /** The first pixel is 1, and the last one inside. */
  private static String bounds(double left, double top, double right, double bottom) {
    return "<bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax></bndbox>"
        .formatted(left + 1, top + 1, right, bottom);
  }

  @Test
  void corLocComparesWithCocoAnnotationsExceptCrowds() throws IOException {
    Box box = box(first());
    Path file = folder.resolve("coco.json");
    String own =
        "[%s, %s, %s, %s]"
            .formatted(box.left(), box.top(), box.right() - box.left(), box.bottom() - box.top());
    Files.writeString(
        file,
        """
        {"info": {"year": 2014},
         "images": [{"id": 7, "file_name": "a.png", "width": 100}],
         "annotations": [
           {"image_id": 7, "bbox": %s, "iscrowd": 1, "segmentation": {"counts": [1, 2]}},
           {"image_id": 7, "bbox": [0, 0, 1, 1], "iscrowd": 0, "segmentation": [[1, 2, 3]]},
           {"image_id": 8, "bbox": %s, "iscrowd": 0}]}
        """
            .formatted(own, own));
    assertThat(found("--annotations", file).get("corloc").asDouble()).isZero();
    Files.writeString(file, Files.readString(file).replace("\"iscrowd\": 1", "\"iscrowd\": 0"));
    assertThat(found("--annotations", file).get("corloc").asDouble()).isEqualTo(1);
  }

  @Test
  void boxesAreDrawn() {
    Path out = folder.resolve("boxes");
    Result result = Cli.run("lost", "-m", TINY, image, "--out", out);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(out.toFile().list()).containsExactly("a-lost.png");
  }

  @Test
  void whatCannotBeDoneLeavesNothingBehind() throws IOException {
    Path out = folder.resolve("boxes");
    Path voc = Files.createDirectory(folder.resolve("voc"));
    refused(1, "a.xml: no such file", "lost", "-m", TINY, image, "-o", out, "--annotations", voc);
    Files.writeString(voc.resolve("a.xml"), "<annotation/>");
    refused(1, "names no object", "lost", "-m", TINY, image, "-o", out, "--annotations", voc);
    Files.writeString(voc.resolve("a.xml"), "<annotation><object/></annotation>");
    refused(1, "without bndbox", "lost", "-m", TINY, image, "-o", out, "--annotations", voc);
    Files.writeString(voc.resolve("a.xml"), "<annotation>");
    refused(1, "not the XML", "lost", "-m", TINY, image, "-o", out, "--annotations", voc);
    Path coco = Files.writeString(folder.resolve("coco.json"), "{\"images\": []}");
    refused(1, "images and annotations", "lost", "-m", TINY, image, "--annotations", coco);
    Files.writeString(coco, "{\"images\": [], \"annotations\": []}");
    refused(1, "names no object of a.png", "lost", "-m", TINY, image, "--annotations", coco);
    Files.writeString(coco, "{");
    refused(1, "not the JSON", "lost", "-m", TINY, image, "--annotations", coco);
    refused(2, "--crop", "lost", "-m", TINY, image, "--annotations", voc, "--crop", 28);
    refused(1, "image of one", "lost", "-m", TINY, image, "--crop", 14, "-o", out);
    refused(1, "at least one candidate", "lost", "-m", TINY, image, "--candidates", 0);
    assertThat(out).doesNotExist();
  }

  private static void refused(int exit, String why, Object... arguments) {
    Result result = Cli.run(arguments);
    assertThat(result.exit()).as(result.err()).isEqualTo(exit);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains(why);
  }
}
