package dev.fovea;

import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.PositionTable;
import java.lang.foreign.MemorySegment;

/**
 * A model on a device that the caller has opened, and its forward passes as plans that the caller
 * runs: for measurements, which want neither a session's cache nor its lock. Services use {@link
 * Fovea}.
 */
public final class ForwardPasses {

  private final VisionTransformer model;
  private final VitConfig config;
  private final RegisterEdits edits;
  private final float[] lookup;

  /**
   * Packs a model as it was trained.
   *
   * @param weights read here, and not needed afterwards
   * @param device has to stay open
   */
  public ForwardPasses(VitWeights weights, Device device) {
    config = weights.config();
    model = new VisionTransformer(config, WeightSource.of(weights), device);
    edits = RegisterEdits.none(config);
    lookup = Preprocessor.lookup(weights.preprocessing());
  }

  /** Most images of this size that {@link Fovea} lets share a plan on this device. */
  public int imagesOfAPlan(int height, int width) {
    int most = model.device().batchTokens() / config.tokens(height, width);
    return Math.clamp(most, 1, Session.BATCH_IMAGES);
  }

  /** A recorded forward pass. */
  public static final class Pass {

    private final ForwardPlan forward;

    private Pass(ForwardPlan forward) {
      this.forward = forward;
    }

    /** To be run and closed by the caller. */
    public Plan plan() {
      return forward.plan();
    }

    /** [images, height, width, 3] bytes, which the caller writes before a run. */
    public MemorySegment pixels() {
      return forward.pixels();
    }

    /** What the last run has computed for an image. */
    public Features features(int image) {
      MemorySegment target = MemorySegment.ofArray(new float[forward.layout().floats()]);
      forward.copyFeatures(image, target, 0);
      return new Features(forward.layout(), target);
    }
  }

  /**
   * Records a forward pass of RGB images, which are taken as they are.
   *
   * @param images in the batch
   * @param height pixels, a multiple of the patch size
   * @param width pixels, a multiple of the patch size
   * @param request outputs
   */
  public Pass record(int images, int height, int width, FeatureRequest request) {
    PositionTable table =
        model.positions(height / config.patch(), width / config.patch(), config.registers());
    ForwardPlan.Shape shape = new ForwardPlan.Shape(true, images, height, width, request);
    return new Pass(new ForwardPlan(model, edits, table, lookup, shape));
  }
}
