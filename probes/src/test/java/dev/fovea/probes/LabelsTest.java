package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LabelsTest {

  @TempDir private Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text, StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[\"tench\", \"cock, rooster\"]",
        "{\"1\": \"cock, rooster\", \"0\": \"tench\"}",
        "{\"0\": [\"n01440764\", \"tench\"], \"1\": [\"n01514668\", \"cock, rooster\"]}",
        "{\"model_type\": \"dinov2\", \"id2label\": {\"0\": \"tench\", \"1\": \"cock, rooster\"}}"
      })
  void namesAreReadFromEveryJsonThatIsAround(String json) throws IOException {
    assertThat(Labels.read(file("names.json", json))).containsExactly("tench", "cock, rooster");
  }

  @Test
  void namesAreReadFromLines() throws IOException {
    assertThat(Labels.read(file("names.txt", "tench\r\ncock, rooster\n")))
        .containsExactly("tench", "cock, rooster");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "3", "null", "[1]", "{\"1\": \"a\"}", "{\"0\": []}", "[", "\"a\""})
  void otherJsonIsRefused(String json) throws IOException {
    Path file = file("names.json", json);
    assertThatThrownBy(() -> Labels.read(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("names.json");
  }

  @Test
  void linesWithoutNamesAndOtherBytesAreRefused() throws IOException {
    Path gap = file("gap.txt", "tench\n\nrooster\n");
    assertThatThrownBy(() -> Labels.read(gap)).isInstanceOf(CheckpointException.class);
    Path empty = file("empty.txt", "");
    assertThatThrownBy(() -> Labels.read(empty)).isInstanceOf(CheckpointException.class);
    Path bytes = Files.write(folder.resolve("bytes.txt"), new byte[] {(byte) 0xff, (byte) 0xfe});
    assertThatThrownBy(() -> Labels.read(bytes))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("UTF-8");
    assertThatThrownBy(() -> Labels.read(folder.resolve("none.txt")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("no such file");
  }
}
