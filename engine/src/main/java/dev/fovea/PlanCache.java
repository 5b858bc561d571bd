package dev.fovea;

import dev.fovea.kernels.PositionTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Function;

/**
 * The forward passes of one model on its device that were recorded lately. One thread at a time
 * uses it, and the plans. To find one allocates nothing.
 */
final class PlanCache implements AutoCloseable {

  /** Plans kept; each holds the activations of its shape. */
  private static final int PLANS = 8;

  /** Position tables kept. */
  private static final int TABLES = 16;

  /** What a position table is made for. */
  private record Grid(int rows, int columns, int registers) {}

  private final VisionTransformer model;
  private final Function<FeatureRequest, RegisterEdits> edits;
  private final float[] lookup;

  /** Most recently used first. */
  private final List<ForwardPlan> plans = new ArrayList<>(PLANS + 1);

  private final SequencedMap<Grid, PositionTable> tables = new LinkedHashMap<>(TABLES, 0.75f, true);

  /**
   * An empty cache.
   *
   * @param edits what a request changes; refuses what this model cannot do
   * @param lookup normalised values of 8-bit samples, [3, 256]
   */
  PlanCache(
      VisionTransformer model, Function<FeatureRequest, RegisterEdits> edits, float[] lookup) {
    this.model = model;
    this.edits = edits;
    this.lookup = lookup;
  }

  /** The plan for so many images like this one, from the cache or newly recorded. */
  ForwardPlan get(PreparedImage image, int images, FeatureRequest request) {
    for (int i = 0; i < plans.size(); i++) {
      ForwardPlan plan = plans.get(i);
      if (plan.shape().fits(image, images, request)) {
        if (i > 0) {
          plans.remove(i);
          plans.addFirst(plan);
        }
        return plan;
      }
    }
    ForwardPlan plan =
        recordOrMakeRoom(
            new ForwardPlan.Shape(image.isRgb(), images, image.height(), image.width(), request));
    plans.addFirst(plan);
    if (plans.size() > PLANS) {
      plans.removeLast().close();
    }
    return plan;
  }

  /** A new plan; where there is no memory for it beside the others, in their place. */
  private ForwardPlan recordOrMakeRoom(ForwardPlan.Shape shape) {
    try {
      return record(shape);
    } catch (OutOfMemoryError e) {
      if (plans.isEmpty()) {
        throw e;
      }
      close();
      return record(shape);
    }
  }

  private ForwardPlan record(ForwardPlan.Shape shape) {
    RegisterEdits asked = edits.apply(shape.request());
    int patch = asked.config().patch();
    Grid grid = new Grid(shape.height() / patch, shape.width() / patch, asked.config().registers());
    PositionTable table =
        tables.computeIfAbsent(
            grid, absent -> model.positions(grid.rows(), grid.columns(), grid.registers()));
    if (tables.size() > TABLES) {
      tables.pollFirstEntry();
    }
    return new ForwardPlan(model, asked, table, lookup, shape);
  }

  /** Forgets all plans and frees what they hold. */
  @Override
  public void close() {
    plans.forEach(ForwardPlan::close);
    plans.clear();
    tables.clear();
  }
}
