package dev.fovea.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.Preprocessing;
import dev.fovea.ProgressListener;
import dev.fovea.VitConfig;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever happened to a file, it opens or is refused with a {@link CheckpointException}; nothing
 * else comes out, and what opens can be read. An iteration depends on its seed alone, which the
 * failure states.
 */
class MutationTest {

  private static final int IN_MEMORY = 100_000;
  private static final int INDEXES = 30_000;
  private static final int CONFIGURATIONS = 30_000;
  private static final int FILES = 6_000;
  private static final int MODELS = 30_000;

  private static final Published.Model MODEL = new Published.Model(2, 1, 4, false, 2, 1);

  private static final String CONFIG =
      """
      {"hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1, "patch_size": 14,
       "num_register_tokens": 1, "layer_norm_eps": 1e-06, "mlp_ratio": 2, "hidden_act": "gelu",
       "use_swiglu_ffn": false, "num_channels": 3}
      """;

  private static final String PREPROCESSOR =
      """
      {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 3,
       "rescale_factor": 0.00392156862745098, "image_mean": [0.485, 0.456, 0.406],
       "image_std": [0.229, 0.224, 0.225], "do_resize": true, "do_normalize": true}
      """;

  @TempDir Path folder;

  private final List<byte[]> files = new ArrayList<>();
  private int opened;

  @BeforeEach
  void writeValidFiles() throws IOException {
    for (Published.Style style : Published.Style.values()) {
      files.add(write(new Published(MODEL, style).tensors(), Map.of("format", "pt")));
    }
    VitConfig config =
        new VitConfig(2, 1, 1, 4, VitConfig.Mlp.GELU, 14, 2, 1, 1e-6f, PositionPolicy.OFFSET);
    Map<String, String> metadata =
        new ArtifactMetadata(config, Preprocessing.DINOV2, "source", "00").toMap();
    files.add(write(new Published(MODEL, Published.Style.ORIGINAL).tensors(), metadata));
  }

  /** Float16 keeps the files small. */
  private byte[] write(Map<String, Published.Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    List<TensorInfo> infos =
        tensors.values().stream()
            .map(tensor -> new TensorInfo(tensor.name(), "F16", tensor.shape()))
            .toList();
    Path file = folder.resolve("valid");
    SafetensorsWriter.write(
        file, infos, metadata, (name, first, to, offset, count) -> {}, ProgressListener.NONE);
    return Files.readAllBytes(file);
  }

  @Test
  void damagedSafetensorsAreRefused() {
    run(
        IN_MEMORY,
        1,
        seed -> {
          byte[] valid = files.get((int) (seed % files.size()));
          byte[] damaged = new Mutator(seed).safetensors(valid);
          return VitWeights.of(inMemory(damaged), CONFIG, null, null);
        });
  }

  @Test
  void damagedIndexesAreRefused() {
    Map<String, byte[]> shards = new LinkedHashMap<>();
    byte[] index = shardInto(shards);
    run(
        INDEXES,
        1_000_001,
        seed -> {
          JsonObject damaged =
              JsonObject.of(Json.parse(new Mutator(seed).json(index), "index"), "index");
          ShardedCheckpoint checkpoint =
              ShardedCheckpoint.of(
                  damaged,
                  name -> {
                    if (!shards.containsKey(name)) {
                      throw new CheckpointException("no such file " + name);
                    }
                    return inMemory(shards.get(name));
                  });
          return VitWeights.of(checkpoint, CONFIG, null, null);
        });
  }

  @Test
  void damagedConfigurationsAreRefused() throws IOException {
    byte[] valid = write(new Published(MODEL, Published.Style.HUGGING_FACE).tensors(), Map.of());
    run(
        CONFIGURATIONS,
        2_000_001,
        seed -> {
          Mutator mutator = new Mutator(seed);
          String config = new String(mutator.json(CONFIG.getBytes(UTF_8)), UTF_8);
          String preprocessor = new String(mutator.json(PREPROCESSOR.getBytes(UTF_8)), UTF_8);
          return VitWeights.of(
              inMemory(valid),
              seed % 2 == 0 ? config : null,
              seed % 2 == 0 ? null : preprocessor,
              null);
        });
  }

  /** Valid files of the wrong tensors: names and shapes changed, but in agreement. */
  @Test
  void wrongTensorsAreRefused() {
    Long[] sizes = {0L, 1L, 2L, 3L, 4L, 5L, 7L, 14L, 1L << 20, 1L << 29, 1L << 31, 1L << 40};
    Published.Style[] styles = Published.Style.values();
    run(
        MODELS,
        4_000_001,
        seed -> {
          SplittableRandom random = new SplittableRandom(seed);
          FakeCheckpoint checkpoint =
              new FakeCheckpoint(new Published(MODEL, styles[(int) (seed % styles.length)]));
          List<String> names = List.copyOf(checkpoint.tensors().keySet());
          for (int count = random.nextInt(3); count >= 0; count--) {
            String name = names.get(random.nextInt(names.size()));
            String other = names.get(random.nextInt(names.size()));
            List<Long> shape =
                random.ints(random.nextInt(4), 0, sizes.length).mapToObj(i -> sizes[i]).toList();
            boolean small =
                shape.stream().mapToDouble(Long::doubleValue).reduce(1, (a, b) -> a * b) < 1e18;
            switch (random.nextInt(5)) {
              case 0 -> checkpoint.tensors().remove(name);
              case 1 ->
                  checkpoint.put("module." + name, shape.subList(0, Math.min(1, shape.size())));
              case 2 -> checkpoint.put(name.replace('0', '2').replace('n', 'm'), 2L);
              case 3 ->
                  checkpoint.put(
                      name,
                      checkpoint
                          .tensors()
                          .getOrDefault(other, new TensorInfo(other, "F32", List.of()))
                          .shape());
              default -> checkpoint.put(name, small ? shape : List.of());
            }
          }
          return VitWeights.of(checkpoint, CONFIG, null, null);
        });
  }

  @Test
  void damagedDirectoriesAreRefused() throws IOException {
    Path directory = Files.createDirectory(folder.resolve("model"));
    Map<String, byte[]> all = new LinkedHashMap<>();
    all.put("model.safetensors.index.json", shardInto(all));
    all.put("config.json", CONFIG.getBytes(UTF_8));
    all.put("preprocessor_config.json", PREPROCESSOR.getBytes(UTF_8));
    for (Map.Entry<String, byte[]> file : all.entrySet()) {
      Files.write(directory.resolve(file.getKey()), file.getValue());
    }
    VitWeights.open(directory).close();
    List<String> names = List.copyOf(all.keySet());
    run(
        FILES,
        3_000_001,
        seed -> {
          String name = names.get((int) (seed % names.size()));
          byte[] valid = all.get(name);
          Mutator mutator = new Mutator(seed);
          write(
              directory.resolve(name),
              name.endsWith(".json") ? mutator.json(valid) : mutator.safetensors(valid));
          try {
            return VitWeights.open(directory);
          } finally {
            // What is mapped keeps its old file.
            Files.delete(directory.resolve(name));
            write(directory.resolve(name), valid);
          }
        });
    assertThat(directory.toFile().list()).containsExactlyInAnyOrderElementsOf(names);
  }

  private static void write(Path file, byte[] bytes) throws IOException {
    Files.deleteIfExists(file);
    Files.write(file, bytes);
  }

  /** Splits a model into two shards; returns the index. */
  private byte[] shardInto(Map<String, byte[]> shards) {
    Map<String, Published.Tensor> first = new TreeMap<>();
    Map<String, Published.Tensor> second = new TreeMap<>();
    Map<String, Object> weightMap = new TreeMap<>();
    new Published(MODEL, Published.Style.HUGGING_FACE)
        .tensors()
        .forEach(
            (name, tensor) -> {
              boolean block = name.startsWith("encoder");
              (block ? second : first).put(name, tensor);
              weightMap.put(name, block ? "2.safetensors" : "1.safetensors");
            });
    try {
      shards.put("1.safetensors", write(first, Map.of()));
      shards.put("2.safetensors", write(second, Map.of()));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return Json.write(Map.of("weight_map", weightMap)).getBytes(UTF_8);
  }

  private static SafetensorsFile inMemory(byte[] bytes) {
    return SafetensorsFile.of(MemorySegment.ofArray(bytes), "damaged");
  }

  /** Opens something damaged. */
  @FunctionalInterface
  private interface Opener {
    VitWeights open(long seed) throws IOException;
  }

  private static void readAll(VitWeights weights) {
    if (!(weights.checkpoint() instanceof FakeCheckpoint)) {
      weights.tensors().keySet().forEach(weights::read);
    }
  }

  private void run(int iterations, long firstSeed, Opener opener) {
    for (int i = 0; i < iterations; i++) {
      long seed = firstSeed + i;
      try (VitWeights weights = opener.open(seed)) {
        readAll(weights);
        opened++;
      } catch (CheckpointException e) {
        assertThat(e.getMessage()).as("seed %d", seed).isNotBlank().hasSizeLessThan(4000);
      } catch (Throwable e) {
        throw new AssertionError("iteration " + i + ", seed " + seed + ": " + e, e);
      }
    }
    // Damage that hits nothing important must be rare, and must exist, or the test tests nothing.
    assertThat(opened).isBetween(iterations / 1000, iterations / 2);
  }
}
