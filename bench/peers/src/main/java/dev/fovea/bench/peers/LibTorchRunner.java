package dev.fovea.bench.peers;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;

/**
 * LibTorch through DJL in inference mode. Its threads are set by system properties of the JVM; the
 * input is a direct buffer, which it uses in place.
 */
final class LibTorchRunner implements Runner {

  private final Model model;
  private final ParameterStore parameters;
  private final FloatBuffer images;
  private final Shape shape;
  private float[] result;

  LibTorchRunner(Path archive, Task task) {
    model = Model.newInstance("vit", Device.cpu(), "PyTorch");
    try {
      model.load(archive);
    } catch (IOException e) {
      throw new UncheckedIOException("LibTorch: " + e.getMessage(), e);
    } catch (MalformedModelException e) {
      throw new IllegalStateException("LibTorch: " + e.getMessage(), e);
    }
    parameters = new ParameterStore(model.getNDManager(), false);
    float[] samples = task.images();
    images =
        ByteBuffer.allocateDirect(samples.length * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer()
            .put(0, samples);
    shape = new Shape(task.batch(), 3, task.pixels(), task.pixels());
  }

  @Override
  public void run() {
    try (NDManager scope = model.getNDManager().newSubManager()) {
      NDArray input = scope.create(images.duplicate(), shape, DataType.FLOAT32);
      result =
          model
              .getBlock()
              .forward(parameters, new NDList(input), false)
              .singletonOrThrow()
              .toFloatArray();
    }
  }

  @Override
  public float[] result() {
    return result;
  }

  @Override
  public String version() {
    return ai.djl.engine.Engine.getEngine("PyTorch").getVersion();
  }

  @Override
  public void close() {
    model.close();
  }
}
