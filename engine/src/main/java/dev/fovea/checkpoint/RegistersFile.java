package dev.fovea.checkpoint;

import dev.fovea.AttentionBias;
import dev.fovea.CheckpointException;
import dev.fovea.Fingerprint;
import dev.fovea.ProgressListener;
import dev.fovea.RegisterNeuron;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Registers in files: a {@link TestTimeRegister} is a JSON object; an {@link AttentionBias} is a
 * safetensors file with such an object in its metadata, and its keys and values as tensors [blocks,
 * width]. An artifact holds them in the same way, beside its weights.
 */
public final class RegistersFile {

  /** The metadata's key for the JSON object. */
  static final String METADATA_KEY = "fovea.registers";

  private static final String KEYS = "attention_bias.keys";
  private static final String VALUES = "attention_bias.values";

  /** Names of the tensors. */
  public static final Set<String> TENSORS = Set.of(KEYS, VALUES);

  private static final String FORMAT = "fovea.registers";
  private static final int VERSION = 1;
  private static final String TEST_TIME_REGISTER = "test-time-register";
  private static final String ATTENTION_BIAS = "attention-bias";
  private static final int MAX_JSON_BYTES = 16 << 20;

  /** Of a model of width 16,384 with 1024 blocks. */
  private static final long MAX_ELEMENTS = 1 << 24;

  private RegistersFile() {}

  /**
   * Reads a file of either kind: safetensors if its name says so, else JSON.
   *
   * @throws CheckpointException if it cannot be read, is damaged or something else
   */
  public static Registers read(Path file) {
    if (!file.toString().endsWith(".safetensors")) {
      Object json = Json.read(file, MAX_JSON_BYTES);
      return of(JsonObject.of(json, file.toString()), null);
    }
    try (Checkpoint tensors = Safetensors.open(file)) {
      return in(tensors)
          .orElseThrow(
              () ->
                  new CheckpointException(
                      file
                          + " holds no attention bias: expected metadata "
                          + METADATA_KEY
                          + "; make one with fovea attention-bias"));
    }
  }

  /**
   * What a checkpoint's metadata say about registers.
   *
   * @throws CheckpointException if that is not valid
   */
  static Optional<Registers> in(Checkpoint checkpoint) {
    return Optional.ofNullable(checkpoint.metadata().get(METADATA_KEY))
        .map(json -> of(JsonObject.parse(json, checkpoint.source() + ", registers"), checkpoint));
  }

  private static Registers of(JsonObject json, Checkpoint tensors) {
    if (!json.text("format").equals(FORMAT) || json.count("version") != VERSION) {
      throw new CheckpointException(
          "%s: expected format %s, version %d, got %s, %s"
              .formatted(
                  json.what(),
                  FORMAT,
                  VERSION,
                  Quoted.of(json.required("format")),
                  Quoted.of(json.required("version"))));
    }
    try {
      Fingerprint model = json.has("model") ? fingerprint(json.object("model")) : null;
      List<RegisterNeuron> neurons = neurons(json);
      return switch (json.text("kind")) {
        case TEST_TIME_REGISTER -> new TestTimeRegister(neurons, form(json), model);
        case ATTENTION_BIAS ->
            new AttentionBias(
                neurons, rows(json, tensors, KEYS), rows(json, tensors, VALUES), model);
        case String other ->
            throw new CheckpointException(
                "%s: expected kind %s or %s, got %s"
                    .formatted(json.what(), TEST_TIME_REGISTER, ATTENTION_BIAS, Quoted.of(other)));
      };
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.what() + ": " + e.getMessage(), e);
    }
  }

  private static TestTimeRegister.Form form(JsonObject json) {
    return switch (json.text("form")) {
      case "paper" -> TestTimeRegister.Form.PAPER;
      case "repo" -> TestTimeRegister.Form.REPO;
      case String other ->
          throw new CheckpointException(
              json.what() + ": expected form paper or repo, got " + Quoted.of(other));
    };
  }

  private static Fingerprint fingerprint(JsonObject json) {
    List<Float> sample = new ArrayList<>();
    for (Object element : json.list("norm_weight")) {
      if (!(element instanceof Number number) || sample.size() == Fingerprint.SAMPLES) {
        throw new CheckpointException(
            "%s: expected at most %d numbers for \"norm_weight\", got %s"
                .formatted(
                    json.what(), Fingerprint.SAMPLES, Quoted.of(json.required("norm_weight"))));
      }
      sample.add(number.floatValue());
    }
    return new Fingerprint(json.count("width"), json.count("depth"), json.count("hidden"), sample);
  }

  private static List<RegisterNeuron> neurons(JsonObject json) {
    List<RegisterNeuron> neurons = new ArrayList<>();
    for (Object element : json.list("neurons")) {
      JsonObject neuron = JsonObject.of(element, json.what() + ", neuron " + neurons.size());
      double score = neuron.has("score") ? neuron.number("score") : 0;
      neurons.add(new RegisterNeuron(neuron.count("block"), neuron.count("neuron"), score));
    }
    return neurons;
  }

  private static float[][] rows(JsonObject json, Checkpoint checkpoint, String name) {
    TensorInfo info = checkpoint == null ? null : checkpoint.tensors().get(name);
    boolean matrix =
        info != null
            && info.shape().size() == 2
            && info.shape().stream().allMatch(size -> size > 0)
            && info.elements() <= MAX_ELEMENTS;
    if (!matrix) {
      throw new CheckpointException(
          "%s: expected a tensor %s [blocks, width], got %s"
              .formatted(json.what(), name, info == null ? "none" : info.shape()));
    }
    float[][] rows = new float[Math.toIntExact(info.shape().getFirst())][];
    int width = Math.toIntExact(info.shape().getLast());
    for (int row = 0; row < rows.length; row++) {
      rows[row] = new float[width];
      checkpoint.read(name, (long) row * width, rows[row], 0, width);
    }
    return rows;
  }

  /** What a file's metadata say about registers; empty where there is nothing to say. */
  public static Map<String, String> metadata(Registers registers) {
    return switch (registers) {
      case TestTimeRegister added -> Map.of(METADATA_KEY, Json.write(json(added)));
      case AttentionBias bias -> Map.of(METADATA_KEY, Json.write(json(bias)));
      case Registers.AsTrained asTrained -> Map.of();
      default ->
          throw new IllegalArgumentException(
              "a file can hold a test-time register or an attention bias, not registers that are "
                  + registers.description());
    };
  }

  /** The tensors that belong to registers; empty where there are none. */
  public static List<TensorInfo> tensors(Registers registers) {
    if (!(registers instanceof AttentionBias bias)) {
      return List.of();
    }
    List<Long> shape = List.of((long) bias.blocks(), (long) bias.key(0).length);
    return List.of(
        new TensorInfo(KEYS, DType.F32.name(), shape),
        new TensorInfo(VALUES, DType.F32.name(), shape));
  }

  /** The elements of {@link #tensors}, by name. */
  public static Map<String, float[]> elements(Registers registers) {
    if (!(registers instanceof AttentionBias bias)) {
      return Map.of();
    }
    int width = bias.key(0).length;
    float[] keys = new float[bias.blocks() * width];
    float[] values = new float[bias.blocks() * width];
    for (int block = 0; block < bias.blocks(); block++) {
      System.arraycopy(bias.key(block), 0, keys, block * width, width);
      System.arraycopy(bias.value(block), 0, values, block * width, width);
    }
    return Map.of(KEYS, keys, VALUES, values);
  }

  private static Map<String, Object> json(TestTimeRegister register) {
    Map<String, Object> json = json(TEST_TIME_REGISTER, register.model());
    json.put("form", register.form() == TestTimeRegister.Form.PAPER ? "paper" : "repo");
    json.put("neurons", json(register.neurons()));
    return json;
  }

  private static Map<String, Object> json(AttentionBias bias) {
    Map<String, Object> json = json(ATTENTION_BIAS, bias.model());
    json.put("neurons", json(bias.neurons()));
    return json;
  }

  private static Map<String, Object> json(String kind, Fingerprint model) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("format", FORMAT);
    json.put("version", VERSION);
    json.put("kind", kind);
    if (model != null) {
      Map<String, Object> fingerprint = new LinkedHashMap<>();
      fingerprint.put("width", model.width());
      fingerprint.put("depth", model.depth());
      fingerprint.put("hidden", model.hidden());
      fingerprint.put("norm_weight", model.sample());
      json.put("model", fingerprint);
    }
    return json;
  }

  private static List<Object> json(List<RegisterNeuron> neurons) {
    List<Object> list = new ArrayList<>();
    for (RegisterNeuron neuron : neurons) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("block", neuron.block());
      json.put("neuron", neuron.index());
      json.put("score", neuron.score());
      list.add(json);
    }
    return list;
  }

  /**
   * Writes a test-time register. The file appears complete or not at all.
   *
   * @throws CheckpointException if it cannot be written
   */
  public static void write(Path target, TestTimeRegister register) {
    byte[] json = (Json.write(json(register)) + "\n").getBytes(StandardCharsets.UTF_8);
    try (AtomicFile file = AtomicFile.create(target)) {
      file.write(ByteBuffer.wrap(json));
      file.commit();
    } catch (IOException e) {
      throw new CheckpointException("cannot write " + target + ": " + OutputPath.reason(e), e);
    }
  }

  /**
   * Writes an attention bias. The file appears complete or not at all.
   *
   * @throws CheckpointException if it cannot be written
   */
  public static void write(Path target, AttentionBias bias) {
    Map<String, String> metadata = new TreeMap<>(metadata(bias));
    metadata.put("format", "pt");
    Map<String, float[]> elements = elements(bias);
    SafetensorsWriter.write(
        target,
        tensors(bias),
        metadata,
        (name, first, chunk, offset, count) ->
            System.arraycopy(elements.get(name), (int) first, chunk, offset, count),
        ProgressListener.NONE);
  }
}
