package dev.fovea;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The outputs of one image: native-order float32, one after another in the order of {@link
 * Feature}, in memory of the engine's or the caller's.
 */
public final class Features {

  private final FeatureLayout layout;
  private final MemorySegment memory;

  Features(FeatureLayout layout, MemorySegment memory) {
    this.layout = layout;
    this.memory = memory;
  }

  /** Where each output lies, and its shape. */
  public FeatureLayout layout() {
    return layout;
  }

  /**
   * One output as a view of the memory it was written to.
   *
   * @throws IllegalArgumentException if it was not asked for
   */
  public MemorySegment segment(Feature feature) {
    return memory.asSlice(layout.offset(feature), layout.bytes(feature));
  }

  /**
   * One output as a new array, row-major in its {@link FeatureLayout#shape}.
   *
   * @throws IllegalArgumentException if it was not asked for
   */
  public float[] get(Feature feature) {
    return segment(feature).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }
}
