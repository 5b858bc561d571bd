package dev.fovea.bench.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * ONNX Runtime with all of its optimisations; input and output are direct buffers that it uses in
 * place.
 */
final class OnnxRuntimeRunner implements Runner {

  /** System property: the folder of the native libraries, where they need not be extracted. */
  static final String LIBRARY_FOLDER = "onnxruntime.native.path";

  private static final String LINUX_LIBRARIES = "/ai/onnxruntime/native/linux-x64/";

  private final OrtSession session;
  private final OnnxTensor input;
  private final OnnxTensor output;
  private final FloatBuffer result;

  OnnxRuntimeRunner(Path model, Task task, int threads) {
    try (SessionOptions options = options(threads)) {
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      session = environment.createSession(model.toString(), options);
      float[] images = task.images();
      long[] shape = {task.batch(), 3, task.pixels(), task.pixels()};
      input = OnnxTensor.createTensor(environment, direct(images.length).put(0, images), shape);
      TensorInfo info = (TensorInfo) session.getOutputInfo().get(OnnxNetwork.FEATURES).getInfo();
      result = direct(Math.toIntExact(Arrays.stream(info.getShape()).reduce(1, (a, b) -> a * b)));
      output = OnnxTensor.createTensor(environment, result, info.getShape());
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  /**
   * Has ONNX Runtime optimise a model offline, for this machine: the result is what it would run
   * after loading the original, with weights already in the layout of its kernels.
   *
   * @param target the model to write; a file of the same name with ".data" holds its weights
   */
  static void optimise(Path model, Path target) {
    try (SessionOptions options = options(1)) {
      options.setOptimizedModelFilePath(target.toString());
      options.addConfigEntry("session.save_external_prepacked_constant_initializers", "1");
      options.addConfigEntry(
          "session.optimized_model_external_initializers_file_name",
          target.getFileName() + ".data");
      options.addConfigEntry(
          "session.optimized_model_external_initializers_min_size_in_bytes", "1024");
      OrtEnvironment.getEnvironment().createSession(model.toString(), options).close();
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  /** Extracts the native libraries, as an operator can do once. */
  static void extractLibraries(Path folder) throws IOException {
    for (String name : List.of("libonnxruntime.so", "libonnxruntime4j_jni.so")) {
      try (InputStream library = OrtSession.class.getResourceAsStream(LINUX_LIBRARIES + name)) {
        if (library == null) {
          throw new IOException("the jar of ONNX Runtime has no " + LINUX_LIBRARIES + name);
        }
        Files.copy(library, folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private static SessionOptions options(int threads) throws OrtException {
    SessionOptions options = new SessionOptions();
    options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
    options.setExecutionMode(SessionOptions.ExecutionMode.SEQUENTIAL);
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
    return options;
  }

  private static FloatBuffer direct(int floats) {
    return ByteBuffer.allocateDirect(floats * Float.BYTES)
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  @Override
  public void run() {
    try {
      session.run(Map.of(OnnxNetwork.PIXELS, input), Map.of(OnnxNetwork.FEATURES, output)).close();
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  @Override
  public float[] result() {
    float[] copy = new float[result.capacity()];
    result.get(0, copy);
    return copy;
  }

  @Override
  public String version() {
    return OrtEnvironment.getEnvironment().getVersion();
  }

  @Override
  public void close() {
    try {
      input.close();
      output.close();
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }
}
