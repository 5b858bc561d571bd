package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/** Safetensors files that an index file makes into one checkpoint. */
final class ShardedCheckpoint implements Checkpoint {

  private static final int MAX_INDEX_BYTES = 100_000_000;

  private final String source;
  private final Map<String, SafetensorsFile> shards;
  private final Map<String, SafetensorsFile> shardOfTensor = new LinkedHashMap<>();
  private final SortedMap<String, TensorInfo> tensors = new TreeMap<>();

  private ShardedCheckpoint(JsonObject index, Map<String, SafetensorsFile> shards) {
    this.source = index.what();
    this.shards = shards;
    JsonObject weightMap = index.object("weight_map");
    for (String name : weightMap.members().keySet()) {
      String file = weightMap.text(name);
      SafetensorsFile shard = shards.get(file);
      TensorInfo info = shard.tensors().get(name);
      if (info == null) {
        throw new CheckpointException(
            source + ": tensor " + Quoted.of(name) + " should be in " + file + ", but is not");
      }
      tensors.put(name, info);
      shardOfTensor.put(name, shard);
    }
    shards.forEach(this::checkAllIndexed);
    checkTotalSize(index);
  }

  /** Opens the shards that an index file names, which lie beside it. */
  static ShardedCheckpoint open(Path indexFile) {
    return of(index(indexFile), file -> SafetensorsFile.open(indexFile.resolveSibling(file)));
  }

  /** Reads an index file. */
  static JsonObject index(Path indexFile) {
    return JsonObject.of(Json.read(indexFile, MAX_INDEX_BYTES), indexFile.toString());
  }

  /** The bare names of the files that an index names, in alphabetical order. */
  static SortedSet<String> files(JsonObject index) {
    JsonObject weightMap = index.object("weight_map");
    SortedSet<String> files = new TreeSet<>();
    for (String tensor : weightMap.members().keySet()) {
      String file = weightMap.text(tensor);
      checkBareName(file, index.what());
      files.add(file);
    }
    return files;
  }

  /**
   * Opens the shards that an index names.
   *
   * @param opener opens a file by its bare name
   */
  static ShardedCheckpoint of(JsonObject index, Function<String, SafetensorsFile> opener) {
    Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
    try {
      for (String file : files(index)) {
        shards.put(file, opener.apply(file));
      }
      return new ShardedCheckpoint(index, shards);
    } catch (RuntimeException | Error e) {
      shards.values().forEach(SafetensorsFile::close);
      throw e;
    }
  }

  /** An index must not reach outside its directory. */
  private static void checkBareName(String file, String what) {
    if (!file.matches("[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}") || !file.endsWith(".safetensors")) {
      throw new CheckpointException(
          what
              + ": expected the bare name of a .safetensors file in the same directory, got "
              + Quoted.of(file));
    }
  }

  private void checkAllIndexed(String file, SafetensorsFile shard) {
    for (String name : shard.tensors().keySet()) {
      if (shardOfTensor.get(name) != shard) {
        throw new CheckpointException(
            source
                + ": tensor "
                + Quoted.of(name)
                + " is in "
                + file
                + " too, but the index has it "
                + (shardOfTensor.containsKey(name) ? "in another shard" : "nowhere"));
      }
    }
  }

  /** Some versions of the writer put a float there. */
  private void checkTotalSize(JsonObject index) {
    if (!index.has("metadata") || !index.object("metadata").has("total_size")) {
      return;
    }
    double expected = index.object("metadata").number("total_size");
    long size = shards.values().stream().mapToLong(SafetensorsFile::dataBytes).sum();
    if (expected != size) {
      throw new CheckpointException(
          String.format(
              "%s: tensors of %.0f bytes in all were expected, the shards have %d",
              source, expected, size));
    }
  }

  @Override
  public String source() {
    return source;
  }

  @Override
  public SortedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSortedMap(tensors);
  }

  /** Empty: what the index and the shards say there is about the files, not the model. */
  @Override
  public Map<String, String> metadata() {
    return Map.of();
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    shardOfTensor.get(tensor(name).name()).read(name, first, target, offset, count);
  }

  @Override
  public void close() {
    shards.values().forEach(SafetensorsFile::close);
  }
}
