package dev.fovea.checkpoint;

import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;

/**
 * Named tensors from somewhere: safetensors files, an original .pth, a formula. Everything about
 * names, shapes and sizes has been checked when one exists; elements are read on demand.
 *
 * <p>Safe for use by several threads. Reading after close is an {@link IllegalStateException}.
 */
public interface Checkpoint extends AutoCloseable {

  /** Where it came from, for messages: a path, a hub name, "synthetic:small". */
  String source();

  /** Every tensor by name. */
  SortedMap<String, TensorInfo> tensors();

  /**
   * A tensor by its name.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  default TensorInfo tensor(String name) {
    TensorInfo info = tensors().get(Objects.requireNonNull(name, "name"));
    if (info == null) {
      throw new IllegalArgumentException(source() + " has no tensor " + Quoted.of(name));
    }
    return info;
  }

  /** String metadata of the file; empty where there is none. */
  Map<String, String> metadata();

  /**
   * Reads a run of elements in row-major order, widened (or, from F64, rounded) to float32.
   *
   * @param name a name of {@link #tensors}
   * @param first index of the first element
   * @param target receives {@code count} elements from {@code offset} on
   * @throws IllegalArgumentException if there is no tensor of that name
   * @throws IndexOutOfBoundsException if the run leaves the tensor or the target
   * @throws dev.fovea.CheckpointException if the element type is not one of {@link DType}, or the
   *     file cannot be read any more
   */
  void read(String name, long first, float[] target, int offset, int count);

  @Override
  void close();
}
