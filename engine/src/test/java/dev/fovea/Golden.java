package dev.fovea;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** Outputs of the float64 reference, and the distance of a result from them. */
final class Golden {

  private Golden() {}

  /** A file or directory under src/test/resources. */
  static Path resource(String name) {
    try {
      return Path.of(Objects.requireNonNull(Golden.class.getResource("/" + name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Checkpoint open(String name) {
    return Safetensors.open(resource("goldens/" + name));
  }

  static float[] read(Checkpoint golden, String tensor) {
    int elements = Math.toIntExact(golden.tensors().get(tensor).elements());
    float[] values = new float[elements];
    golden.read(tensor, 0, values, 0, elements);
    return values;
  }

  /** The golden's input: planes that are already normalised. */
  static Image image(Checkpoint golden) {
    List<Long> shape = golden.tensors().get("image").shape();
    return Image.planes(
        Math.toIntExact(shape.get(2)), Math.toIntExact(shape.get(1)), read(golden, "image"));
  }

  /** ||got - want|| / ||want||, in float64. */
  static double relativeError(float[] got, float[] want) {
    if (got.length != want.length) {
      throw new AssertionError(got.length + " values, expected " + want.length);
    }
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < got.length; i++) {
      difference += Math.pow((double) got[i] - want[i], 2);
      norm += Math.pow(want[i], 2);
    }
    return Math.sqrt(difference / norm);
  }
}
