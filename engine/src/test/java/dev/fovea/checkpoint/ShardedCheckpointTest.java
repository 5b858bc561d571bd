package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedCheckpointTest {

  @TempDir Path folder;

  @BeforeEach
  void writeShards() {
    shard("1.safetensors", "a", "b");
    shard("2.safetensors", "c");
  }

  @Test
  void shardsAreOneCheckpoint() throws IOException {
    index("\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"", "24");
    for (Path path : List.of(folder, folder.resolve("model.safetensors.index.json"))) {
      try (Checkpoint checkpoint = Safetensors.open(path)) {
        assertThat(checkpoint.tensors().keySet()).containsExactly("a", "b", "c");
        float[] values = new float[2];
        checkpoint.read("c", 0, values, 0, 2);
        assertThat(values).containsExactly('c', 1);
      }
    }
  }

  @Test
  void totalSizeMayBeAFloatOrAbsent() throws IOException {
    String map = "\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"";
    index(map, "24.0");
    Safetensors.open(folder).close();
    write("{\"weight_map\":{" + map + "}}");
    Safetensors.open(folder).close();
  }

  @Test
  void wrongTotalSizeIsRefused() throws IOException {
    index("\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"", "25");
    assertRefused("25 bytes", "have 24");
  }

  @Test
  void tensorThatIsNotInItsShardIsRefused() throws IOException {
    index("\"a\":\"2.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"", "24");
    assertRefused("\"a\"", "2.safetensors");
  }

  @Test
  void tensorThatIsNotInTheIndexIsRefused() throws IOException {
    index("\"a\":\"1.safetensors\",\"c\":\"2.safetensors\"", "24");
    assertRefused("\"b\"", "nowhere");
  }

  @Test
  void tensorInTwoShardsIsRefused() throws IOException {
    shard("2.safetensors", "a", "c");
    index("\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"", "32");
    assertRefused("\"a\"", "another shard");
  }

  @Test
  void absentShardIsRefused() throws IOException {
    index("\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":\"3.safetensors\"", "24");
    assertRefused("3.safetensors", "no such file");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../1.safetensors",
        "/1.safetensors",
        "./1.safetensors",
        "x/1.safetensors",
        "x\\\\1.safetensors",
        ".hidden.safetensors",
        "..",
        "",
        "1.bin",
        "C:1.safetensors",
        "1\\u0000.safetensors"
      })
  void shardMustBeABareName(String name) throws IOException {
    index("\"a\":\"" + name + "\"", "24");
    assertRefused("bare name");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{}",
        "{\"weight_map\":[]}",
        "{\"weight_map\":{\"a\":1}}",
        "{\"weight_map\":{},\"metadata\":1}",
        "{\"weight_map\":{},\"weight_map\":{}}",
        "{\"weight_map\":{},\"metadata\":{\"total_size\":\"0\"}}"
      })
  void indexOfTheWrongFormIsRefused(String text) throws IOException {
    write(text);
    assertRefused("index.json");
  }

  @Test
  void filesAreTheShardsInTheOrderOfTheirNames() throws IOException {
    index("\"a\":\"2.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"", "24");
    assertThat(Safetensors.files(folder))
        .containsExactly(folder.resolve("1.safetensors"), folder.resolve("2.safetensors"));
    Path single = Files.createFile(folder.resolve("model.safetensors"));
    assertThat(Safetensors.files(folder)).containsExactly(single);
    assertThat(Safetensors.files(single)).containsExactly(single);
  }

  private void shard(String file, String... names) {
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    for (String name : names) {
      tensors.put(new TensorInfo(name, "F32", List.of(2L)), new float[] {name.charAt(0), 1});
    }
    SafetensorsWriter.write(folder.resolve(file), tensors);
  }

  private void index(String weightMap, String totalSize) throws IOException {
    write("{\"metadata\":{\"total_size\":" + totalSize + "},\"weight_map\":{" + weightMap + "}}");
  }

  private void write(String text) throws IOException {
    Files.writeString(folder.resolve("model.safetensors.index.json"), text);
  }

  private void assertRefused(String... details) {
    assertThatThrownBy(() -> Safetensors.open(folder).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(details);
  }
}
