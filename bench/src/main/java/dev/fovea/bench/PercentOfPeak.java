package dev.fovea.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Measures the verbs of {@link VerbBenchmark} on one thread, in percent of what {@link
 * PeakBenchmark} does right before and after. Prints quartiles.
 *
 * <p>Where others use the same machine its speed changes within seconds, by half. So a peak of
 * another minute says nothing, and verb and peak have their turns within a few milliseconds.
 *
 * <p>Arguments: {@code [--widths W,...] [--tokens N,...] [--verbs V,...] [--seconds S]}.
 */
public final class PercentOfPeak {

  private static final String USAGE =
      "--widths W,..., --tokens N,..., --verbs V,... or --seconds S";

  /** A turn of the peak, and the least of a verb, in nanoseconds. */
  private static final long TURN = 3_000_000;

  /** Before anything counts: the compiler is done by then. */
  private static final double WARM_UP_SECONDS = 1.5;

  private final PeakBenchmark peak = new PeakBenchmark();
  private final double seconds;

  private PercentOfPeak(double seconds) {
    this.seconds = seconds;
  }

  /** Measures, and prints one line for each shape. */
  public static void main(String[] arguments) {
    List<Integer> widths = List.of(384, 768, 1024);
    List<Integer> tokens = List.of(261, 1374);
    List<String> verbs = List.of("qkv", "attention", "project", "expand", "contract");
    double seconds = 4;
    for (int i = 0; i < arguments.length; i += 2) {
      String value = i + 1 < arguments.length ? arguments[i + 1] : "";
      switch (arguments[i]) {
        case "--widths" -> widths = numbers(value);
        case "--tokens" -> tokens = numbers(value);
        case "--verbs" -> verbs = List.of(value.split(","));
        case "--seconds" -> seconds = Double.parseDouble(value);
        default -> {
          System.err.println("expected " + USAGE + ", got " + arguments[i]);
          System.exit(2);
        }
      }
    }
    System.out.println(
        "| width | tokens | verb | percent of the peak: a quarter, half, three quarters of pairs"
            + " below | GF/s | peak |");
    System.out.println("|---|---|---|---|---|---|");
    PercentOfPeak measurement = new PercentOfPeak(seconds);
    for (int width : widths) {
      for (int count : tokens) {
        for (String verb : verbs) {
          measurement.print(width, count, verb);
        }
      }
    }
  }

  private static List<Integer> numbers(String list) {
    return Stream.of(list.split(",")).map(Integer::valueOf).toList();
  }

  private void print(int width, int tokens, String name) {
    VerbBenchmark verb = new VerbBenchmark();
    verb.width = width;
    verb.tokens = tokens;
    verb.verb = name;
    verb.threads = 1;
    verb.record();
    measure(verb, WARM_UP_SECONDS);
    Pairs pairs = measure(verb, seconds);
    verb.close();
    System.out.printf(
        Locale.ROOT,
        "| %d | %d | %s | %.1f, %.1f, %.1f | %.1f | %.1f |%n",
        width,
        tokens,
        name,
        100 * quantile(pairs.ratios, 0.25),
        100 * quantile(pairs.ratios, 0.5),
        100 * quantile(pairs.ratios, 0.75),
        quantile(pairs.rates, 0.5),
        quantile(pairs.peaks, 0.5));
  }

  /** GF/s of the verb and of the peak around it, turn by turn. */
  private static final class Pairs {
    private final List<Double> ratios = new ArrayList<>();
    private final List<Double> rates = new ArrayList<>();
    private final List<Double> peaks = new ArrayList<>();
  }

  private Pairs measure(VerbBenchmark verb, double seconds) {
    Pairs pairs = new Pairs();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    double before = rate(peak::multiplyAdds);
    while (System.nanoTime() < end) {
      double rate = rate(verb::run);
      double after = rate(peak::multiplyAdds);
      pairs.rates.add(rate);
      pairs.peaks.add(after);
      pairs.ratios.add(rate / ((before + after) / 2));
      before = after;
    }
    return pairs;
  }

  /** Something that counts its operations. */
  private interface Turn {
    void run(VerbBenchmark.Work work);
  }

  private static double rate(Turn turn) {
    VerbBenchmark.Work work = new VerbBenchmark.Work();
    long begin = System.nanoTime();
    long elapsed;
    do {
      turn.run(work);
      elapsed = System.nanoTime() - begin;
    } while (elapsed < TURN);
    return (double) work.flops / elapsed;
  }

  private static double quantile(List<Double> values, double share) {
    List<Double> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.get((int) (share * (sorted.size() - 1)));
  }
}
