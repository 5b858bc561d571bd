package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.Preprocessing;
import dev.fovea.VitConfig;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArtifactMetadataTest {

  private static final ArtifactMetadata METADATA =
      new ArtifactMetadata(
          new VitConfig(
              1536, 40, 24, 4096, VitConfig.Mlp.SWIGLU, 14, 37, 4, 1e-6f, PositionPolicy.OFFSET),
          new Preprocessing(
              256,
              224,
              196,
              new Preprocessing.Channels(0.485, 0.456, 0.406),
              new Preprocessing.Channels(0.1 + 0.2, 0.224, 0.225),
              Preprocessing.Rounding.HUGGING_FACE),
          "facebook/\"quoted\" \u00e9\ud83d\ude00",
          "0123");

  @Test
  void whatIsWrittenIsRead() {
    assertThat(ArtifactMetadata.from(METADATA.toMap())).contains(METADATA);
  }

  @Test
  void otherReadersFindTheFormatTheyInsistOn() {
    assertThat(METADATA.toMap()).containsEntry("format", "pt");
  }

  @Test
  void filesOfOthersAreNotArtifacts() {
    assertThat(ArtifactMetadata.from(Map.of("format", "pt"))).isEmpty();
  }

  @Test
  void newerVersionSaysWhatToDo() {
    assertThatThrownBy(() -> ArtifactMetadata.from(with("fovea.format_version", "2")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("\"2\"")
        .hasMessageContaining("newer");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "fovea.config | {}",
        "fovea.config | not JSON",
        "fovea.config | []",
        "fovea.preprocessing | {\"shortest\": -1}",
        "fovea.preprocessing | null"
      })
  void damagedMetadataAreRefused(String key, String value) {
    assertThatThrownBy(() -> ArtifactMetadata.from(with(key, value)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(key);
  }

  @Test
  void unknownNamesAreRefusedWithTheKnownOnes() {
    String config = METADATA.toMap().get("fovea.config");
    assertThatThrownBy(
            () -> ArtifactMetadata.from(with("fovea.config", config.replace("swiglu", "relu"))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("[gelu, swiglu]");
    assertThatThrownBy(
            () -> ArtifactMetadata.from(with("fovea.config", config.replace("offset", "none"))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("size-antialias");
  }

  @Test
  void absentSourceIsRefused() {
    Map<String, String> map = METADATA.toMap();
    map.remove("fovea.source");
    assertThatThrownBy(() -> ArtifactMetadata.from(map))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("fovea.source");
  }

  private static Map<String, String> with(String key, String value) {
    Map<String, String> map = new TreeMap<>(METADATA.toMap());
    map.put(key, value);
    return map;
  }
}
