package dev.fovea.hub;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.ProgressListener;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A model on a server of the test's own, and where the cache keeps it. */
abstract class PublishedOnHub {

  static final String WEIGHTS = "model.safetensors";

  @TempDir Path folder;
  final HubServer server = new HubServer();
  Path model;

  @BeforeEach
  void publishModel() {
    model = folder.resolve("hub/models--acme--vit");
    put("config.json", "{\"model_type\": \"dinov2\"}");
    put("preprocessor_config.json", "{}");
    byte[] weights = new byte[300_000];
    new Random(1).nextBytes(weights);
    server.files.put(WEIGHTS, weights);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  void put(String file, String text) {
    server.files.put(file, text.getBytes(StandardCharsets.UTF_8));
  }

  HubSettings settings(String token, boolean offline) {
    return new HubSettings(
        server.endpoint(),
        folder.resolve("hub"),
        token,
        offline,
        Duration.ofMillis(1),
        Duration.ofSeconds(20));
  }

  Path resolve() {
    return resolve("main");
  }

  Path resolve(String revision) {
    return new Hub(settings(null, false)).resolve("acme/vit", revision, ProgressListener.NONE);
  }

  void assertHolds(Path snapshot, String file) throws IOException {
    assertThat(Files.readAllBytes(snapshot.resolve(file))).isEqualTo(server.files.get(file));
  }
}
