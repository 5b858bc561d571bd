package dev.fovea.checkpoint;

import java.util.List;
import java.util.Objects;

/**
 * A tensor's header.
 *
 * @param name as the checkpoint calls it
 * @param dtype the format's own name of the element type ("F32", "I64"); only those of {@link
 *     DType} can be read
 * @param shape sizes, outermost first; empty for a scalar
 */
public record TensorInfo(String name, String dtype, List<Long> shape) {

  /** Copies the shape. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** Number of elements; shapes are checked for overflow when a checkpoint is opened. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /**
   * Checks the arguments of {@link Checkpoint#read}.
   *
   * @throws IndexOutOfBoundsException if the run leaves this tensor or the target
   */
  public void checkRun(long first, float[] target, int offset, int count) {
    Objects.checkFromIndexSize(first, (long) count, elements());
    Objects.checkFromIndexSize(offset, count, target.length);
  }
}
