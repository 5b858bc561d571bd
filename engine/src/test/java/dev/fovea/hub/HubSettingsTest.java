package dev.fovea.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HubSettingsTest {

  @TempDir Path home;

  @Test
  void anEmptyEnvironmentGivesTheUsualPlaces() {
    HubSettings settings = HubSettings.of(Map.of(), home);
    assertThat(settings.endpoint()).isEqualTo(URI.create("https://huggingface.co"));
    assertThat(settings.cache()).isEqualTo(home.resolve(".cache/huggingface/hub"));
    assertThat(settings.token()).isNull();
    assertThat(settings.offline()).isFalse();
  }

  @Test
  void theCacheFollowsTheNearestVariable() {
    Map<String, String> caches = Map.of("XDG_CACHE_HOME", "/x");
    assertThat(HubSettings.of(caches, home).cache()).isEqualTo(Path.of("/x/huggingface/hub"));
    Map<String, String> hugging = Map.of("XDG_CACHE_HOME", "/x", "HF_HOME", "/h");
    assertThat(HubSettings.of(hugging, home).cache()).isEqualTo(Path.of("/h/hub"));
    Map<String, String> hub = Map.of("HF_HOME", "/h", "HF_HUB_CACHE", "~/c");
    assertThat(HubSettings.of(hub, home).cache()).isEqualTo(home.resolve("c"));
  }

  @Test
  void theTokenComesFromTheVariableOrTheFile() throws IOException {
    Files.writeString(home.resolve("token"), "from-file\n");
    Map<String, String> file = Map.of("HF_HOME", home.toString());
    assertThat(HubSettings.of(file, home).token()).isEqualTo("from-file");
    Map<String, String> variable = Map.of("HF_HOME", home.toString(), "HF_TOKEN", " direct ");
    assertThat(HubSettings.of(variable, home).token()).isEqualTo("direct");
    assertThat(HubSettings.of(variable, home).toString()).doesNotContain("direct");
  }

  @Test
  void aTokenLosesItsLineBreaksAndIsNeverShown() throws IOException {
    assertThat(HubSettings.of(Map.of("HF_TOKEN", "hf_se\r\ncret\n"), home).token())
        .isEqualTo("hf_secret");
    assertThat(HubSettings.of(Map.of("HF_TOKEN", "\n"), home).token()).isNull();
    assertThatThrownBy(() -> HubSettings.of(Map.of("HF_TOKEN", "hf_sec\u0007ret"), home))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("HF_TOKEN, or the file")
        .hasMessageNotContainingAny("hf_sec", "ret\u0007");
  }

  @ParameterizedTest
  @CsvSource({
    "~, hub",
    "$PLACE/x, place/x/hub",
    "${PLACE}/x, place/x/hub",
    "~/$UNKNOWN, $UNKNOWN/hub"
  })
  void foldersAreExpandedAsPythonExpandsThem(String value, String below) {
    Map<String, String> environment = Map.of("HF_HOME", value, "PLACE", home + "/place");
    assertThat(HubSettings.of(environment, home).cache()).isEqualTo(home.resolve(below));
  }

  @Test
  void transformersCanBeOfflineToo() {
    assertThat(HubSettings.of(Map.of("TRANSFORMERS_OFFLINE", "1"), home).offline()).isTrue();
    Map<String, String> both = Map.of("TRANSFORMERS_OFFLINE", "1", "HF_HUB_OFFLINE", "0");
    assertThat(HubSettings.of(both, home).offline()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "1, true",
    "TRUE, true",
    "yes, true",
    "On, true",
    "0, false",
    "'', false",
    "no, false"
  })
  void offlineIsReadAsHuggingFaceReadsIt(String value, boolean offline) {
    assertThat(HubSettings.of(Map.of("HF_HUB_OFFLINE", value), home).offline()).isEqualTo(offline);
  }

  @Test
  void theEndpointLosesItsSlashAndMustBeAnAddress() {
    Map<String, String> mirror = Map.of("HF_ENDPOINT", "https://mirror.example/hf/");
    assertThat(HubSettings.of(mirror, home).endpoint())
        .isEqualTo(URI.create("https://mirror.example/hf"));
    assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", "mirror.example"), home))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("HF_ENDPOINT");
    assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", "http://a b"), home))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("HF_ENDPOINT");
  }
}
