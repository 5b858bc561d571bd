package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * What a warp knows of the others, and of all other {@link Agents}: up to which epoch of each of
 * them its accesses happen after theirs. An epoch of a warp ends where it synchronises, so that
 * what it does afterwards is not covered by what others have learnt before.
 *
 * <p>Asynchronous instructions see memory by a way of their own. What a warp has written reaches
 * them if a {@code fence.proxy.async} lies anywhere between the write and the instruction; so it is
 * kept, too, up to which epoch of each agent that is so.
 */
final class Synchronization {

  private final int warp;
  private final Agents agents;

  /**
   * By agent, the last epoch that has happened before. A warp's own: the last one that has ended.
   */
  private final int[] seen = new int[Agents.MOST];

  /** By agent, the last epoch that has happened before a fence that has happened before. */
  private final int[] fenced = new int[Agents.MOST];

  /** The lanes that have written to shared memory in this epoch and had no fence since. */
  private int unfenced;

  Synchronization(int warp, Agents agents) {
    this.warp = warp;
    this.agents = agents;
  }

  /** Knows nothing; for what collects what others know. */
  Synchronization(Agents agents) {
    this(0, agents);
  }

  void clear() {
    Arrays.fill(seen, 0);
    Arrays.fill(fenced, 0);
    unfenced = 0;
  }

  /** The warp's own epoch, from 1. */
  int epoch() {
    return seen[warp] + 1;
  }

  /** True if what that agent did in that epoch has happened before. */
  boolean after(int agent, int epoch) {
    return epoch <= seen[agent];
  }

  /** True if what a lane wrote in that epoch reaches asynchronous instructions. */
  boolean reaches(int agent, int epoch, int lane) {
    return epoch <= fenced[agent]
        || (agent == warp && epoch == epoch() && (unfenced >>> lane & 1) == 0);
  }

  /** A lane writes to shared memory. */
  void wrote(int lane) {
    unfenced |= 1 << lane;
  }

  void endEpoch() {
    boolean reaches = unfenced == 0 && fenced[warp] == seen[warp];
    seen[warp]++;
    unfenced = 0;
    if (reaches) {
      fenced[warp] = seen[warp];
    }
  }

  /**
   * Lets asynchronous instructions see what these lanes have written, and all that they know of.
   */
  void fence(int lanes) {
    System.arraycopy(seen, 0, fenced, 0, agents.count());
    unfenced &= ~lanes;
  }

  /**
   * What this warp did until now, and what it knows, has happened before what the other does from
   * now on.
   */
  void tell(Synchronization other) {
    int count = agents.count();
    raise(other.seen, seen, count);
    raise(other.fenced, fenced, count);
  }

  private static void raise(int[] target, int[] source, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = Math.max(target[i], source[i]);
    }
  }

  /** Knows from now on only what the other knows as well. */
  void meet(Synchronization other) {
    int count = agents.count();
    for (int i = 0; i < count; i++) {
      seen[i] = Math.min(seen[i], other.seen[i]);
      fenced[i] = Math.min(fenced[i], other.fenced[i]);
    }
  }

  /** What an agent did until the end of an epoch has happened before. */
  void learn(int agent, int epoch) {
    seen[agent] = Math.max(seen[agent], epoch);
  }
}
