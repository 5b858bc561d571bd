package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.Preprocessing;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What an artifact says about itself, in the string metadata of a safetensors file: nothing about
 * it is left to guess.
 *
 * @param source name of what it was made from
 * @param sourceSha256 of the file it was made from, in hexadecimal
 */
public record ArtifactMetadata(
    VitConfig config, Preprocessing preprocessing, String source, String sourceSha256) {

  /** The version of the format that {@link #toMap} writes and {@link #from} reads. */
  public static final String FORMAT_VERSION = "1";

  /** The version of artifacts that say what stands in the place of registers. */
  public static final String REGISTERS_VERSION = "2";

  private static final String VERSION_KEY = "fovea.format_version";
  private static final String CONFIG_KEY = "fovea.config";
  private static final String PREPROCESSING_KEY = "fovea.preprocessing";
  private static final String SOURCE_KEY = "fovea.source";
  private static final String SHA256_KEY = "fovea.source_sha256";

  /** Checks that all is there. */
  public ArtifactMetadata {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(preprocessing, "preprocessing");
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(sourceSha256, "sourceSha256");
  }

  /** The metadata of a file whose model is as it was trained. */
  public Map<String, String> toMap() {
    return toMap(Registers.asTrained());
  }

  /**
   * The metadata of a file; "format" is there for readers that insist on it. Whoever does not know
   * about registers shall not run a model without those that belong to it.
   *
   * @throws IllegalArgumentException if files cannot hold such registers
   */
  public Map<String, String> toMap(Registers registers) {
    Map<String, String> ofRegisters = RegistersFile.metadata(registers);
    Map<String, String> map = new LinkedHashMap<>(ofRegisters);
    map.put("format", "pt");
    map.put(VERSION_KEY, ofRegisters.isEmpty() ? FORMAT_VERSION : REGISTERS_VERSION);
    map.put(CONFIG_KEY, Json.write(toJson(config)));
    map.put(PREPROCESSING_KEY, Json.write(toJson(preprocessing)));
    map.put(SOURCE_KEY, source);
    map.put(SHA256_KEY, sourceSha256);
    return map;
  }

  /**
   * Reads a file's metadata.
   *
   * @return empty if it is not that of an artifact
   * @throws CheckpointException if it is, but of another version, incomplete or invalid
   */
  public static Optional<ArtifactMetadata> from(Map<String, String> metadata) {
    String version = metadata.get(VERSION_KEY);
    if (version == null) {
      return Optional.empty();
    }
    boolean registers = metadata.containsKey(RegistersFile.METADATA_KEY);
    if (!version.equals(registers ? REGISTERS_VERSION : FORMAT_VERSION)) {
      throw new CheckpointException(
          "expected an artifact of format version "
              + FORMAT_VERSION
              + ", or "
              + REGISTERS_VERSION
              + " with registers, got "
              + Quoted.of(version)
              + ": use the version of Fovea that wrote it, or a newer one");
    }
    JsonObject all = new JsonObject("artifact metadata", metadata);
    try {
      return Optional.of(
          new ArtifactMetadata(
              config(JsonObject.parse(all.text(CONFIG_KEY), CONFIG_KEY)),
              preprocessing(JsonObject.parse(all.text(PREPROCESSING_KEY), PREPROCESSING_KEY)),
              all.text(SOURCE_KEY),
              all.text(SHA256_KEY)));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException("invalid artifact metadata: " + e.getMessage(), e);
    }
  }

  private static Map<String, Object> toJson(VitConfig config) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("width", config.width());
    json.put("depth", config.depth());
    json.put("heads", config.heads());
    json.put("hidden", config.hidden());
    json.put("mlp", id(config.mlp()));
    json.put("patch", config.patch());
    json.put("grid", config.grid());
    json.put("registers", config.registers());
    json.put("norm_epsilon", config.normEpsilon());
    json.put("position_policy", config.positionPolicy().id());
    return json;
  }

  private static VitConfig config(JsonObject json) {
    return new VitConfig(
        json.count("width"),
        json.count("depth"),
        json.count("heads"),
        json.count("hidden"),
        ofId(VitConfig.Mlp.values(), json, "mlp"),
        json.count("patch"),
        json.count("grid"),
        json.count("registers"),
        (float) json.number("norm_epsilon"),
        PositionPolicy.of(json.text("position_policy")));
  }

  private static Map<String, Object> toJson(Preprocessing preprocessing) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("shortest", preprocessing.shortest());
    json.put("crop_height", preprocessing.cropHeight());
    json.put("crop_width", preprocessing.cropWidth());
    json.put("mean", toJson(preprocessing.mean()));
    json.put("std", toJson(preprocessing.std()));
    json.put("rounding", id(preprocessing.rounding()));
    return json;
  }

  private static List<Double> toJson(Preprocessing.Channels channels) {
    return List.of(channels.red(), channels.green(), channels.blue());
  }

  private static Preprocessing preprocessing(JsonObject json) {
    return new Preprocessing(
        json.count("shortest"),
        json.count("crop_height"),
        json.count("crop_width"),
        channels(json, "mean"),
        channels(json, "std"),
        ofId(Preprocessing.Rounding.values(), json, "rounding"));
  }

  /** A list of three numbers. */
  static Preprocessing.Channels channels(JsonObject json, String key) {
    List<?> list = json.list(key);
    if (list.size() == 3
        && list.get(0) instanceof Number red
        && list.get(1) instanceof Number green
        && list.get(2) instanceof Number blue) {
      return new Preprocessing.Channels(red.doubleValue(), green.doubleValue(), blue.doubleValue());
    }
    throw new CheckpointException(
        json.what() + ": expected three numbers for " + key + ", got " + Quoted.of(list));
  }

  private static String id(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static <E extends Enum<E>> E ofId(E[] constants, JsonObject json, String key) {
    String id = json.text(key);
    return Arrays.stream(constants)
        .filter(constant -> id(constant).equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new CheckpointException(
                    json.what()
                        + ": expected one of "
                        + Arrays.stream(constants).map(ArtifactMetadata::id).toList()
                        + " for "
                        + key
                        + ", got "
                        + Quoted.of(id)));
  }
}
