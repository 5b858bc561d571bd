package dev.fovea.bench.peers;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * What one worker process does.
 *
 * @param model the file that its engine reads
 * @param result the file that receives the output: little-endian floats
 */
record Job(
    Engine engine, Path model, Task task, int threads, Measurement measurement, Path result) {

  /** For {@link #parse} in the other process. */
  List<String> arguments() {
    return List.of(
        engine.name(),
        model.toString(),
        String.valueOf(task.pixels()),
        String.valueOf(task.batch()),
        task.output().name(),
        String.valueOf(threads),
        String.format(Locale.ROOT, "%s", measurement.warmUpSeconds()),
        String.format(Locale.ROOT, "%s", measurement.seconds()),
        String.valueOf(measurement.runs()),
        result.toString());
  }

  /** The job of {@link #arguments}. */
  static Job parse(String... arguments) {
    return new Job(
        Engine.valueOf(arguments[0]),
        Path.of(arguments[1]),
        new Task(
            Integer.parseInt(arguments[2]),
            Integer.parseInt(arguments[3]),
            Output.valueOf(arguments[4])),
        Integer.parseInt(arguments[5]),
        new Measurement(
            Double.parseDouble(arguments[6]),
            Double.parseDouble(arguments[7]),
            Integer.parseInt(arguments[8])),
        Path.of(arguments[9]));
  }
}
