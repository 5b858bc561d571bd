package dev.fovea.cli;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A browser without a window.
 *
 * @param executable where it is
 * @param folder for its files
 * @param width of its pages, in pixels
 * @param height of its pages, in pixels
 * @param dark whether the user likes dark pages
 */
record Chromium(Path executable, Path folder, int width, int height, boolean dark) {

  /** Where it is, if it is installed. */
  static Optional<Path> find() {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .flatMap(
            directory ->
                Stream.of("chromium", "chromium-browser", "google-chrome")
                    .map(name -> Path.of(directory, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** The page as it is drawn. */
  BufferedImage screenshot(Path page) throws IOException, InterruptedException {
    Path png = folder.resolve("screenshot.png");
    run("--screenshot=" + png, page.toUri().toString());
    return ImageIO.read(png.toFile());
  }

  /**
   * What a script finds out about the loaded page.
   *
   * @param page may not have a policy that forbids scripts
   * @param expression in JavaScript, of a value that JSON can hold
   */
  JsonNode evaluate(String page, String expression) throws IOException, InterruptedException {
    String script =
        "<script>addEventListener('load', () => document.body.setAttribute('data-found', "
            + "encodeURIComponent(JSON.stringify("
            + expression
            + "))))</script></body>";
    Path changed = folder.resolve("changed.html");
    Files.writeString(changed, page.replace("</body>", script));
    String dom = run("--dump-dom", changed.toUri().toString());
    String found = dom.replaceFirst("(?s).*data-found=\"([^\"]*)\".*", "$1");
    return JsonMapper.shared()
        .readTree(URLDecoder.decode(found.replace("+", "%2B"), StandardCharsets.UTF_8));
  }

  private String run(String... more) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                executable.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                "--force-color-profile=srgb",
                "--user-data-dir=" + folder.resolve("profile"),
                "--blink-settings=preferredColorScheme=" + (dark ? 0 : 1),
                "--window-size=" + width + "," + height));
    command.addAll(List.of(more));
    Path out = folder.resolve("stdout");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(folder.resolve("stderr").toFile())
            .start();
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new IOException("the browser did not end: " + command);
    }
    return Files.readString(out);
  }
}
