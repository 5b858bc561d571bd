package dev.fovea.cli;

import dev.fovea.analysis.Box;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;
import javax.imageio.ImageIO;
import picocli.CommandLine;

/** Runs commands in this JVM and keeps what they print. */
final class Cli {

  /** Small enough to open in every test: width 128, two blocks, four registers. */
  static final String TINY = "synthetic:tiny-reg4";

  /** What a command has printed, and its exit code. */
  record Result(int exit, String out, String err) {}

  private Cli() {}

  /** As if the user lived where a decimal point is a comma, which must not show. */
  static Result run(Object... arguments) {
    Locale.setDefault(Locale.GERMANY);
    String[] texts = new String[arguments.length];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = arguments[i].toString();
    }
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err, true));
    int exit = command.execute(texts);
    command.getOut().flush();
    return new Result(exit, out.toString(), err.toString());
  }

  /** Writes a PNG of noise. */
  static Path image(Path file, int width, int height, long seed) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Random random = new Random(seed);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, random.nextInt());
      }
    }
    Files.createDirectories(file.getParent());
    ImageIO.write(image, "png", file.toFile());
    return file;
  }

  /**
   * Writes an annotation of PASCAL VOC, which counts pixels from 1 and has the last ones inside.
   */
  static Path voc(Path file, Box... boxes) throws IOException {
    StringBuilder objects = new StringBuilder();
    for (Box box : boxes) {
      objects.append(
          "<object><bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax></bndbox></object>"
              .formatted(box.left() + 1, box.top() + 1, box.right(), box.bottom()));
    }
    Files.createDirectories(file.getParent());
    return Files.writeString(file, "<annotation>" + objects + "</annotation>");
  }
}
