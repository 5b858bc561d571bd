package dev.fovea.cli;

import dev.fovea.analysis.OutlierRule;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which patches count as outliers. */
final class OutlierOptions {

  /** How the cutoff is found. */
  enum Method {
    FIXED(150),
    SIGMA(3),
    PERCENTILE(98),
    VALLEY(Double.NaN);

    private final double usual;

    Method(double usual) {
      this.usual = usual;
    }
  }

  @Option(
      names = "--method",
      defaultValue = "valley",
      paramLabel = "METHOD",
      description =
          "Which patches are outliers, by their norms: fixed, sigma, percentile, or valley (the"
              + " default).")
  private Method method;

  @Option(
      names = "--cutoff",
      paramLabel = "X",
      description =
          "The number that the method needs: a norm (150), standard deviations above the mean (3),"
              + " or percent (98); valley needs none.")
  private Double cutoff;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  /** What was asked for. */
  OutlierRule rule() {
    if (method == Method.VALLEY && cutoff != null) {
      throw new ParameterException(spec.commandLine(), "--method valley has no --cutoff");
    }
    double number = cutoff == null ? method.usual : cutoff;
    return switch (method) {
      case FIXED -> new OutlierRule.Fixed(number);
      case SIGMA -> new OutlierRule.Sigma(number);
      case PERCENTILE -> new OutlierRule.Percentile(number);
      case VALLEY -> new OutlierRule.Valley();
    };
  }

  /** A rule in words. */
  static String text(OutlierRule rule) {
    return switch (rule) {
      case OutlierRule.Fixed fixed -> "fixed";
      case OutlierRule.Sigma sigma -> "mean + %s sigma".formatted(Numbers.oneDecimal(sigma.k()));
      case OutlierRule.Percentile percentile ->
          "percentile " + Numbers.oneDecimal(percentile.percent());
      case OutlierRule.Valley valley -> "valley";
    };
  }
}
