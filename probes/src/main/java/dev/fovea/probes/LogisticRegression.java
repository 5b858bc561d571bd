package dev.fovea.probes;

import de.bwaldvogel.liblinear.Feature;
import de.bwaldvogel.liblinear.FeatureNode;
import de.bwaldvogel.liblinear.Linear;
import de.bwaldvogel.liblinear.Model;
import de.bwaldvogel.liblinear.Parameter;
import de.bwaldvogel.liblinear.Problem;
import de.bwaldvogel.liblinear.SolverType;
import java.util.Arrays;

/**
 * The linear probe: logistic regression with an L2 penalty, each class against all others, solved
 * by LIBLINEAR's trust region Newton method. Channels are brought to mean 0 and standard deviation
 * 1 first, and the result is rewritten for the channels as they were.
 *
 * <p>For each class, w and b minimise {@code |w|^2 / 2 + cost * sum log(1 + exp(-y (w x + b)))}.
 * LIBLINEAR keeps every number as an object: 28 bytes a channel and vector.
 */
public final class LogisticRegression {

  /** Of the gradient at the start, what may be left of it at the end. */
  private static final double TOLERANCE = 1e-3;

  static {
    Linear.disableDebugOutput(); // or it would print its iterations to stdout
  }

  private LogisticRegression() {}

  /**
   * Trains a probe.
   *
   * @param classes how many there are; one without a vector is never predicted
   * @param cost weight of the data against the penalty, positive
   * @throws IllegalArgumentException if the vectors are of fewer than two classes
   */
  public static LinearMap train(LabelledVectors samples, int classes, double cost) {
    if (samples.labels().stream().distinct().count() < 2) {
      throw new IllegalArgumentException(
          "a classifier needs vectors of two classes at least, got "
              + samples.size()
              + " of "
              + samples.labels().stream().distinct().count());
    }
    if (!(cost > 0) || !Double.isFinite(cost)) {
      throw new IllegalArgumentException("the cost must be positive, got " + cost);
    }
    Scale scale = Scale.of(samples);
    Parameter parameter = new Parameter(SolverType.L2R_LR, cost, TOLERANCE);
    parameter.setRegularizeBias(false);
    return linear(Linear.train(problem(samples, scale), parameter), scale, classes);
  }

  private static Problem problem(LabelledVectors samples, Scale scale) {
    int width = scale.mean.length;
    Problem problem = new Problem();
    problem.l = samples.size();
    problem.n = width + 1;
    problem.bias = 1;
    problem.y = samples.labels().stream().mapToDouble(Integer::doubleValue).toArray();
    problem.x = new Feature[problem.l][width + 1];
    for (int i = 0; i < problem.l; i++) {
      float[] vector = samples.vectors().get(i);
      for (int channel = 0; channel < width; channel++) {
        double value = (vector[channel] - scale.mean[channel]) * scale.factor[channel];
        problem.x[i][channel] = new FeatureNode(channel + 1, value);
      }
      problem.x[i][width] = new FeatureNode(width + 1, 1);
    }
    return problem;
  }

  private static LinearMap linear(Model model, Scale scale, int classes) {
    int width = scale.mean.length;
    float[] weight = new float[classes * width];
    float[] bias = new float[classes];
    Arrays.fill(bias, -Float.MAX_VALUE);
    for (int i = 0; i < model.getNrClass(); i++) {
      int label = model.getLabels()[i];
      double constant = model.getDecfunBias(i);
      for (int channel = 0; channel < width; channel++) {
        double factor = model.getDecfunCoef(channel + 1, i) * scale.factor[channel];
        weight[label * width + channel] = (float) factor;
        constant -= factor * scale.mean[channel];
      }
      bias[label] = (float) constant;
    }
    return new LinearMap(width, weight, bias);
  }

  /** Mean of every channel and the inverse of its standard deviation, 0 where that is 0. */
  private record Scale(double[] mean, double[] factor) {

    static Scale of(LabelledVectors samples) {
      int width = samples.vectors().getFirst().length;
      double[] mean = new double[width];
      double[] factor = new double[width];
      for (int channel = 0; channel < width; channel++) {
        int at = channel;
        mean[at] =
            samples.vectors().stream().mapToDouble(vector -> vector[at]).average().getAsDouble();
        double variance =
            samples.vectors().stream()
                .mapToDouble(vector -> (vector[at] - mean[at]) * (vector[at] - mean[at]))
                .average()
                .getAsDouble();
        factor[at] = variance > 0 ? 1 / Math.sqrt(variance) : 0;
      }
      return new Scale(mean, factor);
    }
  }
}
