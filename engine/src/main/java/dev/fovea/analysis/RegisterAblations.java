package dev.fovea.analysis;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.RegisterContents;
import dev.fovea.Registers;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * How much a model's outputs change when its registers are taken away, or hold something else.
 *
 * @see <a href="https://arxiv.org/abs/2604.14433">Zero-Ablation Overstates Register Content
 *     Dependence in DINO Vision Transformers</a>
 */
public final class RegisterAblations {

  private static final FeatureRequest REQUEST = FeatureRequest.of(Feature.CLS, Feature.PATCHES);

  /**
   * The outcome of one change.
   *
   * @param name "drop", "first 2", "zero", "mean" over the images, or "shuffle": every image gets
   *     the registers of another one
   * @param cls mean cosine similarity of the finished CLS token to that of the unchanged model
   * @param patches the same of the finished patches
   */
  public record Outcome(String name, double cls, double patches) {}

  /** What stands in the place of the registers of each image. */
  private record Change(String name, IntFunction<Registers> registers) {}

  private final Fovea model;
  private final List<Image> images;

  private RegisterAblations(Fovea model, List<Image> images) {
    this.model = model;
    this.images = images;
  }

  /**
   * Tries every change.
   *
   * @param images at least one; to shuffle needs two. They may be read when they are asked for,
   *     which happens two or three times
   * @param seed of the shuffling
   * @throws IllegalArgumentException if there are no images, or the model has no registers
   */
  public static List<Outcome> of(Fovea model, List<Image> images, long seed) {
    int registers = model.trainedConfig().registers();
    if (images.isEmpty() || registers == 0) {
      throw new IllegalArgumentException(
          "expected images and a model with registers, got %d images and %d registers"
              .formatted(images.size(), registers));
    }
    RegisterAblations ablations = new RegisterAblations(model, images);
    return ablations.outcomes(ablations.changes(registers, seed));
  }

  private List<Change> changes(int registers, long seed) {
    List<Change> changes = new ArrayList<>();
    for (int count = 0; count < registers; count++) {
      Registers first = new Registers.First(count);
      changes.add(new Change(count == 0 ? "drop" : "first " + count, image -> first));
    }
    Registers zeroed = new Registers.Zeroed();
    changes.add(new Change("zero", image -> zeroed));
    RegisterContents mean = RegisterMeans.contents(model, images);
    changes.add(new Change("mean", image -> mean));
    if (images.size() > 1) {
      int[] others = others(seed);
      changes.add(
          new Change(
              "shuffle",
              image -> RegisterMeans.contents(model, List.of(images.get(others[image])))));
    }
    return changes;
  }

  /** For every image another one, each once: its successor on a random round trip. */
  private int[] others(long seed) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, images.size()).boxed().toList());
    Collections.shuffle(order, new Random(seed));
    int[] others = new int[images.size()];
    for (int i = 0; i < others.length; i++) {
      others[order.get(i)] = order.get((i + 1) % others.length);
    }
    return others;
  }

  private List<Outcome> outcomes(List<Change> changes) {
    double[] cls = new double[changes.size()];
    double[] patches = new double[changes.size()];
    for (int index = 0; index < images.size(); index++) {
      Image image = images.get(index);
      Features before = model.features(image, REQUEST.withRegisters(Registers.asTrained()));
      for (int i = 0; i < cls.length; i++) {
        Registers registers = changes.get(i).registers().apply(index);
        Features after = model.features(image, REQUEST.withRegisters(registers));
        cls[i] += similarity(before, after, Feature.CLS) / images.size();
        patches[i] += similarity(before, after, Feature.PATCHES) / images.size();
      }
    }
    return IntStream.range(0, cls.length)
        .mapToObj(i -> new Outcome(changes.get(i).name(), cls[i], patches[i]))
        .toList();
  }

  /** Mean cosine similarity of the rows. */
  private double similarity(Features before, Features after, Feature feature) {
    float[] a = before.get(feature);
    float[] b = after.get(feature);
    int width = model.config().width();
    int rows = a.length / width;
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      double product = 0;
      double squaresOfA = 0;
      double squaresOfB = 0;
      for (int i = row * width; i < (row + 1) * width; i++) {
        product += (double) a[i] * b[i];
        squaresOfA += (double) a[i] * a[i];
        squaresOfB += (double) b[i] * b[i];
      }
      sum += product / Math.sqrt(squaresOfA * squaresOfB);
    }
    return sum / rows;
  }
}
