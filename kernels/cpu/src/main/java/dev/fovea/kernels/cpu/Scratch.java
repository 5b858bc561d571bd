package dev.fovea.kernels.cpu;

/**
 * Memory for what does not outlive a step of a plan. The steps run one after another, so they all
 * use the same memory, which stays in the caches.
 *
 * <p>Steps reserve while the plan is recorded; the memory is there once {@link #allocate} was
 * called. What it holds when a piece starts is undefined.
 */
public final class Scratch {

  private final float[][] bySlot;
  private int slotSize;
  private int sharedSize;
  private float[] shared = {};

  Scratch(int slots) {
    bySlot = new float[slots][];
  }

  /** Number of threads that may run pieces at the same time. */
  public int slots() {
    return bySlot.length;
  }

  /** Asks for {@code floats} elements for every slot. */
  public void reserve(int floats) {
    slotSize = Math.max(slotSize, floats);
  }

  /** Asks for {@code floats} elements that all slots see. */
  public void reserveShared(int floats) {
    sharedSize = Math.max(sharedSize, floats);
  }

  void allocate() {
    for (int slot = 0; slot < bySlot.length; slot++) {
      bySlot[slot] = new float[slotSize];
    }
    shared = new float[sharedSize];
  }

  /** The memory of one slot. */
  public float[] of(int slot) {
    return bySlot[slot];
  }

  /** The memory that one task fills for a later one of the same step. */
  public float[] shared() {
    return shared;
  }

  long bytes() {
    return Float.BYTES * ((long) slots() * slotSize + sharedSize);
  }
}
