package dev.fovea.probes;

import dev.fovea.analysis.OutlierRule;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What is probed, and how.
 *
 * @param tasks what is measured
 * @param tokens which tokens are classified
 * @param outliers which patches are outliers, by the norms of all patches of the training images
 *     before the final LayerNorm
 * @param cost of {@link LogisticRegression}
 * @param neighbours of {@link NearestNeighbours}
 * @param temperature of {@link NearestNeighbours}
 * @param ridge of {@link PatchProbe}
 * @param seed for drawing patches
 */
public record ProbeSettings(
    Set<Task> tasks,
    List<Token.Kind> tokens,
    OutlierRule outliers,
    double cost,
    int neighbours,
    double temperature,
    double ridge,
    long seed) {

  /** What is measured. */
  public enum Task {
    /** Accuracy of a linear classifier on single tokens. */
    LINEAR,
    /** Accuracy of nearest neighbours on single tokens. */
    KNN,
    /** How well a patch's position can be told from its token. */
    POSITION,
    /** How well a patch's pixels can be told from its token. */
    PIXELS;

    private static final Set<Task> OF_CLASSES = EnumSet.of(LINEAR, KNN);

    /** Whether classes of images are needed. */
    boolean needsClasses() {
      return OF_CLASSES.contains(this);
    }
  }

  /** The usual weight of the data against the penalty. */
  public static final double COST = 1;

  /** How many neighbours usually vote. */
  public static final int NEIGHBOURS = 20;

  /** The usual penalty of position and pixels, in mean variances of a channel. */
  public static final double RIDGE = 1e-4;

  /** Everything, as the papers do where they say. */
  public static final ProbeSettings DEFAULT =
      new ProbeSettings(
          EnumSet.allOf(Task.class),
          List.of(Token.Kind.values()),
          new OutlierRule.Valley(),
          COST,
          NEIGHBOURS,
          NearestNeighbours.TEMPERATURE,
          RIDGE,
          0);

  /** Keeps copies, and checks that there is something to do. */
  public ProbeSettings {
    tasks = Set.copyOf(tasks);
    tokens = List.copyOf(tokens);
    if (tasks.isEmpty() || (tasks.stream().anyMatch(Task::needsClasses) && tokens.isEmpty())) {
      throw new IllegalArgumentException("expected tasks, and tokens to classify");
    }
    if (!(cost > 0) || neighbours < 1 || !(temperature > 0) || !(ridge >= 0)) {
      throw new IllegalArgumentException(
          "cost %s, neighbours %d and temperature %s must be positive, ridge %s not negative"
              .formatted(cost, neighbours, temperature, ridge));
    }
  }

  /** The same with another rule for what is an outlier. */
  public ProbeSettings withOutliers(OutlierRule rule) {
    return new ProbeSettings(tasks, tokens, rule, cost, neighbours, temperature, ridge, seed);
  }

  boolean classifies() {
    return tasks.stream().anyMatch(Task::needsClasses);
  }

  boolean looksAtPatches() {
    return tasks.contains(Task.POSITION)
        || tasks.contains(Task.PIXELS)
        || (classifies() && tokens.stream().anyMatch(Token.Kind::isPatch));
  }
}
