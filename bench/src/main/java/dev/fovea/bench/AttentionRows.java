package dev.fovea.bench;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Measures what the attention of CLS and every register costs beside all tokens of one image.
 * Prints medians, and how many times as long as without attention they are.
 *
 * <p>The requests are made in turn, in one process: separate processes, as JMH's forks, differ by
 * more than there is to see.
 *
 * <p>Arguments: {@code [--model M] [--threads N] [--rounds N]}.
 */
public final class AttentionRows {

  private static final int PIXELS = 224;

  /** Rounds that are not counted: every request has a plan of its own, to be built and compiled. */
  private static final int FIRST_ROUNDS = 10;

  private AttentionRows() {}

  /** Measures, and prints one line for each request. */
  public static void main(String[] arguments) {
    String name = "synthetic:small-reg4";
    int threads = 1;
    int rounds = 150;
    for (int i = 0; i < arguments.length; i += 2) {
      String value = i + 1 < arguments.length ? arguments[i + 1] : "";
      switch (arguments[i]) {
        case "--model" -> name = value;
        case "--threads" -> threads = Integer.parseInt(value);
        case "--rounds" -> rounds = Integer.parseInt(value);
        default -> {
          System.err.println("expected --model M, --threads N or --rounds N, got " + arguments[i]);
          System.exit(2);
        }
      }
    }
    try (Fovea model = Fovea.open(name, Options.DEFAULT.withThreads(threads))) {
      print(measure(model, requests(model.config().depth()), rounds));
    }
  }

  private static Map<String, FeatureRequest> requests(int depth) {
    FeatureRequest tokens = FeatureRequest.of(Feature.TOKENS);
    int[] all = IntStream.range(0, depth).toArray();
    Map<String, FeatureRequest> requests = new LinkedHashMap<>();
    requests.put("all tokens", tokens);
    requests.put("and attention in the last block", tokens.withPrefixAttention(depth - 1));
    requests.put("and attention in all blocks", tokens.withPrefixAttention(all));
    return requests;
  }

  /** Milliseconds of every round. */
  private static Map<String, List<Double>> measure(
      Fovea model, Map<String, FeatureRequest> requests, int rounds) {
    float[] samples = SyntheticCheckpoint.uniform("image", 1, 3 * PIXELS * PIXELS);
    Image image = Image.planes(PIXELS, PIXELS, samples);
    Map<String, List<Double>> times = new LinkedHashMap<>();
    model.warmUp();
    for (int round = -FIRST_ROUNDS; round < rounds; round++) {
      for (Map.Entry<String, FeatureRequest> request : requests.entrySet()) {
        long begin = System.nanoTime();
        model.features(image, request.getValue());
        double time = (System.nanoTime() - begin) / 1e6;
        if (round >= 0) {
          times.computeIfAbsent(request.getKey(), absent -> new ArrayList<>()).add(time);
        }
      }
    }
    return times;
  }

  private static void print(Map<String, List<Double>> times) {
    double without = Start.median(times.values().iterator().next());
    times.forEach(
        (name, values) -> {
          double median = Start.median(values);
          System.out.printf(
              Locale.ROOT, "%-32s %8.2f ms %8.3f times%n", name, median, median / without);
        });
  }
}
