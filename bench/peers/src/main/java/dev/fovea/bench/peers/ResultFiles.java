package dev.fovea.bench.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** The files of a run. Each appears under its name complete. */
final class ResultFiles {

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  private ResultFiles() {}

  /** Rows as a JSON array, and the host beside them: peers.json and peers.host.json. */
  static void writeJson(Path file, List<Row> rows, Host host) throws IOException {
    String name = file.getFileName().toString().replaceFirst("\\.json$", "");
    write(file, JSON.writeValueAsBytes(rows));
    write(file.resolveSibling(name + ".host.json"), JSON.writeValueAsBytes(host));
  }

  /** All of that, a table and a plot, under one name in a folder, which is made. */
  static void writeAll(Path folder, String name, List<Row> rows, Host host) throws IOException {
    Files.createDirectories(folder);
    writeJson(folder.resolve(name + ".json"), rows, host);
    String text =
        """
        # Fovea beside its peers, %s

            %s

        %s

        ![speed beside the peers](%s.svg)

        %s. %s. JVM flags: `%s`.
        """
            .formatted(
                host.date(),
                host.command(),
                Table.markdown(rows, host.onnx()).stripTrailing(),
                name,
                host.summary(),
                versions(host),
                String.join(" ", host.jvmFlags()));
    write(folder.resolve(name + ".md"), text.getBytes(StandardCharsets.UTF_8));
    for (String format : List.of("png", "svg")) {
      write(folder.resolve(name + "." + format), Plot.image(rows, host.onnx(), format));
    }
  }

  private static String versions(Host host) {
    List<String> versions = new ArrayList<>();
    host.engines().forEach((engine, version) -> versions.add(engine + " " + version));
    return String.join("; ", versions);
  }

  private static void write(Path file, byte[] bytes) throws IOException {
    Path partial = file.resolveSibling(file.getFileName() + ".partial");
    try {
      Files.write(partial, bytes);
      Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(partial);
    }
  }
}
