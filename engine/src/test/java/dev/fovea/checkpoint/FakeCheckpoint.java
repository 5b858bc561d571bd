package dev.fovea.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** A checkpoint of names and shapes without elements. */
record FakeCheckpoint(SortedMap<String, TensorInfo> tensors, Map<String, String> metadata)
    implements Checkpoint {

  FakeCheckpoint(Published published) {
    this(new TreeMap<>(), Map.of());
    published.tensors().values().forEach(tensor -> put(tensor.name(), tensor.shape()));
  }

  /** Adds or replaces a float32 tensor. */
  FakeCheckpoint put(String name, List<Long> shape) {
    tensors.put(name, new TensorInfo(name, "F32", shape));
    return this;
  }

  FakeCheckpoint put(String name, Long... shape) {
    return put(name, List.of(shape));
  }

  FakeCheckpoint remove(String name) {
    if (tensors.remove(name) == null) {
      throw new IllegalArgumentException(name);
    }
    return this;
  }

  FakeCheckpoint withPrefix(String prefix) {
    FakeCheckpoint prefixed = new FakeCheckpoint(new TreeMap<>(), metadata);
    tensors.values().forEach(info -> prefixed.put(prefix + info.name(), info.shape()));
    return prefixed;
  }

  @Override
  public String source() {
    return "fake";
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    throw new UnsupportedOperationException("shapes only");
  }

  @Override
  public void close() {}
}
