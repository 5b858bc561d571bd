package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.Preprocessing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HuggingFaceFilesTest {

  private static final String MEAN_AND_STD =
      "\"image_mean\": [0.1, 0.2, 0.3], \"image_std\": [0.4, 0.5, 0.6]";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"hidden_size\": 384}                                  | hidden_size | a ViT-S",
        "{\"num_hidden_layers\": 12}                             | num_hidden_layers | 12",
        "{\"num_register_tokens\": 0}                            | num_register_tokens | 4",
        "{\"patch_size\": 16}                                    | patch_size | 14",
        "{\"num_channels\": 1}                                   | num_channels | 3",
        "{\"use_swiglu_ffn\": true}                              | use_swiglu_ffn | GELU",
        "{\"hidden_size\": 128, \"mlp_ratio\": 3}                | mlp_ratio | 384",
        "{\"hidden_act\": \"quick_gelu\"}                        | hidden_act | quick_gelu",
        "{\"num_attention_heads\": 3}                            | num_attention_heads | 128",
        "{\"num_attention_heads\": 0}                            | num_attention_heads | 0",
        "{\"layer_norm_eps\": 0}                                 | layer_norm_eps | 0",
        "{\"hidden_size\": \"128\"}                              | hidden_size | integer",
        "{\"patch_size\": -14}                                   | patch_size | -14",
        "[]                                                      | object | []",
        "{\"patch_size\": 14,}                                   | config.json | JSON"
      })
  void configurationOfAnotherModelIsRefused(String json, String key, String detail) {
    assertThatThrownBy(() -> open(json, null))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(key)
        .hasMessageContaining(detail);
  }

  @Test
  void headsAndEpsilonComeFromTheConfiguration() {
    try (VitWeights weights =
        open("{\"num_attention_heads\": 4, \"layer_norm_eps\": 1e-05}", null)) {
      assertThat(weights.config().heads()).isEqualTo(4);
      assertThat(weights.config().normEpsilon()).isEqualTo(1e-5f);
    }
  }

  @Test
  void fieldsThatPublishedConfigurationsHaveWrongAreNotLookedAt() {
    String json =
        """
        {"stage_names": ["stem", "stage1"], "out_features": ["stage1"], "image_size": 224,
         "interpolate_antialias": false, "interpolate_offset": 0.1, "model_type": "dinov2",
         "num_register_tokens": null}
        """;
    try (VitWeights weights = open(json, null)) {
      assertThat(weights.config().registers()).isEqualTo(4);
    }
  }

  @Test
  void preprocessorSizesMayBeObjectsOrIntegers() {
    Preprocessing expected =
        new Preprocessing(
            300,
            98,
            98,
            new Preprocessing.Channels(0.1, 0.2, 0.3),
            new Preprocessing.Channels(0.4, 0.5, 0.6),
            Preprocessing.Rounding.HUGGING_FACE);
    assertThat(preprocessing("\"size\": 300, \"crop_size\": 98")).isEqualTo(expected);
    assertThat(
            preprocessing(
                "\"size\": {\"shortest_edge\": 300}, \"crop_size\": {\"height\": 98, \"width\":"
                    + " 98}"))
        .isEqualTo(expected);
  }

  @Test
  void stepsOfThePreprocessorCanBeOff() {
    try (VitWeights weights =
        open(null, "{\"do_resize\": false, \"do_center_crop\": false, \"do_normalize\": false}")) {
      assertThat(weights.preprocessing())
          .isEqualTo(
              new Preprocessing(
                  0,
                  0,
                  0,
                  new Preprocessing.Channels(0, 0, 0),
                  new Preprocessing.Channels(1, 1, 1),
                  Preprocessing.Rounding.HUGGING_FACE));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"crop_size\": 98                                       | size",
        "\"size\": 256                                           | crop_size",
        "\"size\": {\"height\": 2, \"width\": 2}, \"crop_size\": 9 | shortest_edge",
        "\"size\": 0, \"crop_size\": 98                          | pixels",
        "\"size\": 256, \"crop_size\": 98, \"resample\": 2       | bicubic",
        "\"size\": 256, \"crop_size\": 98, \"do_rescale\": false | 1/255",
        "\"size\": 256, \"crop_size\": 98, \"rescale_factor\": 1 | 1/255",
        "\"size\": 256.5, \"crop_size\": 98                      | object",
        "\"size\": 256, \"crop_size\": 98, \"do_resize\": 1      | true or false"
      })
  void preprocessorThatCannotBeFollowedIsRefused(String fields, String detail) {
    assertThatThrownBy(() -> preprocessing(fields))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("preprocessor_config.json")
        .hasMessageContaining(detail);
  }

  @Test
  void meanAndDeviationMustBeThreeUsableNumbers() {
    String sizes = "{\"size\": 256, \"crop_size\": 98, ";
    assertThatThrownBy(
            () ->
                open(null, sizes + "\"image_mean\": [0.5, 0.5], \"image_std\": [1, 1, 1]}")
                    .preprocessing())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("three numbers");
    assertThatThrownBy(
            () ->
                open(null, sizes + "\"image_mean\": [0, 0, 0], \"image_std\": [1, 0, 1]}")
                    .preprocessing())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("std");
  }

  @Test
  void aPreprocessorThatCannotBeFollowedIsNoObstacleToAnother() {
    try (VitWeights weights = open(null, "{\"size\": 256, \"crop_size\": 98, \"resample\": 2}")) {
      assertThat(weights.config().registers()).isEqualTo(4);
      assertThatThrownBy(weights::preprocessing).hasMessageContaining("Options.withPreprocessing");
    }
  }

  @Test
  void timmSaysHowPhotographsArePreparedInItsOwnConfiguration() {
    assertThat(timm("{}")).isEqualTo(Preprocessing.DINOV2.withSize(70, 70, 70));
    String described =
        """
        {"pretrained_cfg": {"input_size": [3, 56, 56], "crop_pct": 0.9, "crop_mode": "center",
         "interpolation": "bicubic", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}}
        """;
    assertThat(timm(described))
        .isEqualTo(
            new Preprocessing(
                62,
                56,
                56,
                new Preprocessing.Channels(0, 0, 0),
                new Preprocessing.Channels(1, 1, 1),
                Preprocessing.Rounding.ORIGINAL));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"interpolation\": \"bilinear\" | bicubic",
        "\"crop_mode\": \"squash\"       | center",
        "\"input_size\": [3, 56, 28]     | a square",
        "\"input_size\": [1, 56, 56]     | three channels",
        "\"crop_pct\": 0                 | more than 0",
        "\"mean\": [0.5]                 | three numbers",
        "\"std\": [1, 1, 0]              | std"
      })
  void whatTimmDescribesAndNobodySupportsIsRefused(String field, String detail) {
    assertThatThrownBy(() -> timm("{\"pretrained_cfg\": {" + field + "}}"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("pretrained_cfg")
        .hasMessageContaining(detail);
  }

  private static Preprocessing timm(String config) {
    FakeCheckpoint checkpoint =
        new FakeCheckpoint(new Published(Published.Model.TINY, Published.Style.TIMM));
    try (VitWeights weights = VitWeights.of(checkpoint, config, null, null)) {
      return weights.preprocessing();
    }
  }

  private static Preprocessing preprocessing(String fields) {
    try (VitWeights weights = open(null, "{" + fields + ", " + MEAN_AND_STD + "}")) {
      return weights.preprocessing();
    }
  }

  private static VitWeights open(String config, String preprocessor) {
    FakeCheckpoint checkpoint =
        new FakeCheckpoint(new Published(Published.Model.TINY, Published.Style.HUGGING_FACE));
    return VitWeights.of(checkpoint, config, preprocessor, null);
  }
}
