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
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
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
  void anImageThatCannotBeAnalysedIsNamed() throws IOException {
    Path small = Cli.image(image.resolveSibling("small.png"), 14, 14, 1);
    for (String command : List.of("lost", "outliers")) {
      Result result = Cli.run(command, "-m", TINY, image, small, "--resize", 0, "--crop", 0);
      assertThat(result.exit()).as(command).isEqualTo(1);
      assertThat(result.err()).hasLineCount(1).contains("fovea: ", ".png: ");
    }
    assertThat(Cli.run("lost", "-m", TINY, image, small).err()).contains("small.png: LOST");
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
    Box box = box(first());
    Path annotations =
        voc(
            "<name>cat</name>" + bounds(new Box(0, 0, 1, 1)),
            bounds(box) + "<part>" + bounds(new Box(0, 0, 1, 1)) + "</part>");
    JsonNode result = found("--annotations", annotations);
    assertThat(result.get("corloc").asDouble()).isEqualTo(1);
    assertThat(result.get("images").get(0).get("overlap").asDouble()).isEqualTo(1);
    Result table = Cli.run("lost", "-m", TINY, image, "--annotations", annotations);
    assertThat(table.out()).contains("overlap 1.000").contains("CorLoc 100.00 % (1 of 1)");
  }

  /** Half of a box overlaps it by one half, which is just enough. */
  @Test
  void anObjectIsFoundFromOneHalfOn() throws IOException {
    Box box = box(first());
    for (double share : new double[] {0.5, 0.49}) {
      double right = box.left() + share * (box.right() - box.left());
      Path annotations = voc(bounds(new Box(box.left(), box.top(), right, box.bottom())));
      JsonNode result = found("--annotations", annotations);
      assertThat(result.get("images").get(0).get("overlap").asDouble())
          .isCloseTo(share, within(1e-12));
      assertThat(result.get("corloc").asDouble()).isEqualTo(share == 0.5 ? 1 : 0);
      assertThat(result.get("images").get(0).get("correct").asBoolean()).isEqualTo(share == 0.5);
    }
  }

  /** A directory of annotations with a file for the image that has these objects. */
  private Path voc(String... objects) throws IOException {
    Path directory = Files.createDirectories(folder.resolve("voc"));
    String all =
        Stream.of(objects)
            .map(object -> "<object>" + object + "</object>")
            .collect(Collectors.joining());
    Files.writeString(directory.resolve("a.xml"), "<annotation>" + all + "</annotation>");
    return directory;
  }

  /** The first pixel is 1, and the last one inside. */
  private static String bounds(Box box) {
    return "<bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax></bndbox>"
        .formatted(box.left() + 1, box.top() + 1, box.right(), box.bottom());
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

  /**
   * The image of 100 x 60 pixels is padded to 112 x 70 and enlarged by 4. The annotated box begins
   * in the middle of ours and of a patch, where no other line is.
   */
  @Test
  void boxesAreDrawn() throws IOException {
    Path out = folder.resolve("boxes");
    Box box = box(first());
    int x = middleOfPatch((box.left() + box.right()) / 2);
    int y = middleOfPatch((box.top() + box.bottom()) / 2);
    Path annotations = voc(bounds(new Box(x, box.top(), box.right(), box.bottom())));
    Result result = Cli.run("lost", "-m", TINY, image, "--annotations", annotations, "-o", out);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(out.toFile().list()).containsExactly("a-lost.png");
    BufferedImage picture = ImageIO.read(out.resolve("a-lost.png").toFile());
    assertThat(picture.getWidth()).isEqualTo(448);
    Color ours = new Color(0xe0, 0x30, 0x30);
    assertThat(new Color(picture.getRGB(4 * (int) box.left(), 4 * y))).isEqualTo(ours);
    assertThat(new Color(picture.getRGB(4 * x, 4 * (int) box.top()))).isEqualTo(ours);
    assertThat(new Color(picture.getRGB(4 * x, 4 * y))).isEqualTo(new Color(0x30, 0xc0, 0x50));
    assertThat(new Color(picture.getRGB(4 * x - 10, 4 * y))).isNotEqualTo(ours);
  }

  private static int middleOfPatch(double pixel) {
    return (int) pixel / 14 * 14 + 7;
  }

  @Test
  void allAnnotationsAreReadBeforeTheFirstImage() throws IOException {
    Path broken = Files.writeString(folder.resolve("broken.png"), "text");
    Path other = Cli.image(folder.resolve("b.png"), WIDTH, HEIGHT, 4);
    Path annotations = voc(bounds(new Box(0, 0, 1, 1)));
    Files.copy(annotations.resolve("a.xml"), annotations.resolve("broken.xml"));
    refused(
        1, "b.xml: no such file", "lost", "-m", TINY, broken, other, "--annotations", annotations);
  }

  @Test
  void outputsThatCannotBeWrittenAreKnownBeforeTheModel() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "text");
    refused(1, file + " is a file", "lost", "-m", "no/such/model.pth", image, "--out", file);
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
    Files.writeString(coco, "{\"images\": [{\"id\": 1}], \"annotations\": []}");
    refused(1, "a file_name for every image", "lost", "-m", TINY, image, "--annotations", coco);
    Files.writeString(coco, "{\"images\": [], \"annotations\": [null]}");
    refused(1, "boxes of four numbers", "lost", "-m", TINY, image, "--annotations", coco);
    Files.writeString(coco, "null");
    refused(1, "images and annotations", "lost", "-m", TINY, image, "--annotations", coco);
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
