package dev.fovea.analysis;

import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * From which norm on a patch is an outlier. Patches are outliers if their norm is greater than the
 * cutoff.
 */
public sealed interface OutlierRule {

  /**
   * The cutoff for a population of norms, in any order.
   *
   * @param norms at least one
   * @return empty if none of them stands out
   */
  OptionalDouble cutoff(float[] norms);

  /**
   * A norm chosen by hand. The paper took 150 for DINOv2 ViT-g; other models need other values.
   *
   * @param norm the cutoff
   */
  record Fixed(double norm) implements OutlierRule {
    /** Checks that it is a number. */
    public Fixed {
      if (!Double.isFinite(norm)) {
        throw new IllegalArgumentException("a cutoff must be finite, got " + norm);
      }
    }

    @Override
    public OptionalDouble cutoff(float[] norms) {
      return OptionalDouble.of(norm);
    }
  }

  /**
   * So many standard deviations (of the population) above the mean.
   *
   * @param k standard deviations; 3 in "Vision Transformers Don't Need Trained Registers"
   */
  record Sigma(double k) implements OutlierRule {
    /** Checks that it is a number. */
    public Sigma {
      if (!Double.isFinite(k)) {
        throw new IllegalArgumentException("k must be finite, got " + k);
      }
    }

    @Override
    public OptionalDouble cutoff(float[] norms) {
      double[] values = sorted(norms);
      return OptionalDouble.of(Group.of(values, 0, values.length).above(k));
    }
  }

  /**
   * So many percent of the norms are below; between two of them, on the straight line.
   *
   * @param percent from 0 to 100
   */
  record Percentile(double percent) implements OutlierRule {
    /** Checks the range. */
    public Percentile {
      if (!(percent >= 0 && percent <= 100)) {
        throw new IllegalArgumentException("a percentile is from 0 to 100, got " + percent);
      }
    }

    @Override
    public OptionalDouble cutoff(float[] norms) {
      double[] values = sorted(norms);
      double place = percent / 100 * (values.length - 1);
      int below = (int) place;
      int above = Math.min(below + 1, values.length - 1);
      return OptionalDouble.of(values[below] + (place - below) * (values[above] - values[below]));
    }
  }

  /**
   * The valley between ordinary norms and large ones: the middle of the widest gap between the
   * centres of two means. There is none where that is within three standard deviations of the norms
   * below it, or where those are not the majority.
   */
  record Valley() implements OutlierRule {

    private static final double DEVIATIONS = 3;

    @Override
    public OptionalDouble cutoff(float[] norms) {
      double[] values = sorted(norms);
      if (values.length < 2) {
        return OptionalDouble.empty();
      }
      int split = widestGap(values, twoMeans(values));
      double cutoff = (values[split - 1] + values[split]) / 2;
      boolean apart = cutoff > Group.of(values, 0, split).above(DEVIATIONS);
      return apart && 2 * split > values.length
          ? OptionalDouble.of(cutoff)
          : OptionalDouble.empty();
    }

    /** Where the second of two groups begins whose values are least spread around their means. */
    private static int twoMeans(double[] values) {
      double total = Arrays.stream(values).sum();
      double sum = 0;
      double most = Double.NEGATIVE_INFINITY;
      int best = 1;
      for (int i = 1; i < values.length; i++) {
        sum += values[i - 1];
        double between = sum * sum / i + (total - sum) * (total - sum) / (values.length - i);
        if (between > most) {
          most = between;
          best = i;
        }
      }
      return best;
    }

    /**
     * The index above the widest gap between the means of two groups, the first if there are more.
     */
    private static int widestGap(double[] values, int split) {
      double lower = Group.of(values, 0, split).mean();
      double upper = Group.of(values, split, values.length).mean();
      int best = split;
      for (int i = 1; i < values.length; i++) {
        boolean between = values[i] > lower && values[i - 1] < upper;
        double gap = values[i] - values[i - 1];
        double widest = values[best] - values[best - 1];
        if (between && (gap > widest || (gap == widest && i < best))) {
          best = i;
        }
      }
      return best;
    }
  }

  private static double[] sorted(float[] norms) {
    if (norms.length == 0) {
      throw new IllegalArgumentException("a cutoff needs at least one norm");
    }
    double[] values = new double[norms.length];
    for (int i = 0; i < norms.length; i++) {
      values[i] = norms[i];
    }
    Arrays.sort(values);
    return values;
  }
}
