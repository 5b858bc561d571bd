package dev.fovea.checkpoint;

import dev.fovea.AttentionBias;
import dev.fovea.CheckpointException;
import dev.fovea.Fingerprint;
import dev.fovea.PositionPolicy;
import dev.fovea.Preprocessing;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The weights of a Vision Transformer in one form, whatever layout they were published in: the
 * names and shapes of the original code.
 *
 * <p>With width D, depth L, hidden channels F, patch side P, grid side M and R registers: {@code
 * cls_token} [1, 1, D], {@code register_tokens} [1, R, D] if R > 0, {@code pos_embed} [1, 1 + M*M,
 * D], {@code patch_embed.proj.weight} [D, 3, P, P] and {@code .bias} [D], {@code norm.weight} and
 * {@code .bias} [D]; and in each {@code blocks.0} to {@code blocks.L-1}: {@code norm1}, {@code
 * norm2}, {@code ls1.gamma}, {@code ls2.gamma} [D], {@code attn.qkv.weight} [3D, D], {@code
 * attn.proj.weight} [D, D], {@code mlp.fc1.weight} [F, D] and {@code mlp.fc2.weight} [D, F], or
 * with SwiGLU {@code mlp.w12.weight} [2F, D] (gate first) and {@code mlp.w3.weight} [D, F]; every
 * matrix with its {@code .bias}. Matrices are [out, in].
 *
 * <p>Values are read on demand and are exact: float32 weights have the bits that the file has. A
 * timm file with registers holds the sum of {@code cls_token} and its position embedding; the sum
 * is {@code cls_token} here, and the first row of {@code pos_embed} is zero.
 *
 * <p>Safe for use by several threads. Reading after close is an {@link IllegalStateException}.
 */
public final class VitWeights implements AutoCloseable {

  private static final int MAX_CONFIG_BYTES = 16 << 20;

  private final Checkpoint checkpoint;
  private final Canonicalizer.Result model;
  private final VitConfig config;
  private final Supplier<Preprocessing> preprocessing;
  private final Registers registers;
  private final SortedMap<String, TensorInfo> tensors;

  private VitWeights(
      Checkpoint checkpoint, JsonObject config, JsonObject preprocessor, PositionPolicy override) {
    ArtifactMetadata artifact = artifact(checkpoint);
    this.checkpoint = checkpoint;
    this.registers =
        artifact == null
            ? Registers.asTrained()
            : RegistersFile.in(checkpoint).orElse(Registers.asTrained());
    this.model =
        Canonicalizer.run(
            checkpoint,
            artifact != null,
            registers instanceof AttentionBias ? RegistersFile.TENSORS : Set.of());
    if (config != null) {
      HuggingFaceConfig.check(config, model.geometry());
    }
    VitConfig derived = artifact != null ? confirmed(artifact.config()) : derived(config);
    this.config = override != null ? derived.withPositionPolicy(override) : derived;
    checkRegisters();
    this.preprocessing =
        artifact != null ? artifact::preprocessing : () -> preprocessing(config, preprocessor);
    SortedMap<String, TensorInfo> infos = new TreeMap<>();
    model.tensors().forEach((name, tensor) -> infos.put(name, tensor.info()));
    this.tensors = Collections.unmodifiableSortedMap(infos);
  }

  /**
   * Opens an artifact, a safetensors file, or a directory with one (sharded or not) and, if they
   * are there, {@code config.json} and {@code preprocessor_config.json}.
   *
   * @throws CheckpointException if it cannot be read, is damaged, or is not a model that can run
   */
  public static VitWeights open(Path fileOrDirectory) {
    return open(fileOrDirectory, null);
  }

  /**
   * As {@link #open(Path)}, with another position policy.
   *
   * @param override the position policy, whatever the checkpoint's origin says; may be null
   * @throws CheckpointException if it cannot be read, is damaged, or is not a model that can run
   */
  public static VitWeights open(Path fileOrDirectory, PositionPolicy override) {
    boolean directory = Files.isDirectory(fileOrDirectory);
    JsonObject config = directory ? sibling(fileOrDirectory, "config.json") : null;
    JsonObject preprocessor =
        directory ? sibling(fileOrDirectory, "preprocessor_config.json") : null;
    Checkpoint checkpoint = Safetensors.open(fileOrDirectory);
    try {
      return new VitWeights(checkpoint, config, preprocessor, override);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  private static JsonObject sibling(Path directory, String name) {
    Path file = directory.resolve(name);
    return Files.exists(file)
        ? JsonObject.of(Json.read(file, MAX_CONFIG_BYTES), file.toString())
        : null;
  }

  /**
   * The weights in a checkpoint, which they own from now on; where this throws, the caller still
   * does.
   *
   * @param configJson the text of Hugging Face's config.json; may be null
   * @param preprocessorJson the text of Hugging Face's preprocessor_config.json; may be null
   * @param override the position policy, whatever the checkpoint's origin says; may be null
   * @throws CheckpointException if it is not a model that can run
   */
  public static VitWeights of(
      Checkpoint checkpoint, String configJson, String preprocessorJson, PositionPolicy override) {
    String source = checkpoint.source();
    return new VitWeights(
        checkpoint,
        configJson == null ? null : JsonObject.parse(configJson, source + ", config.json"),
        preprocessorJson == null
            ? null
            : JsonObject.parse(preprocessorJson, source + ", preprocessor_config.json"),
        override);
  }

  private void checkRegisters() {
    if (registers instanceof Registers.AsTrained) {
      return;
    }
    try {
      registers.check(config, fingerprint());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(source() + ": " + e.getMessage(), e);
    }
  }

  private static ArtifactMetadata artifact(Checkpoint checkpoint) {
    try {
      return ArtifactMetadata.from(checkpoint.metadata()).orElse(null);
    } catch (CheckpointException e) {
      throw new CheckpointException(checkpoint.source() + ": " + e.getMessage(), e);
    }
  }

  /** An artifact's configuration, after the tensors agree. */
  private VitConfig confirmed(VitConfig stated) {
    VitConfig actual = config(stated.heads(), stated.normEpsilon(), stated.positionPolicy());
    if (!actual.equals(stated)
        || stated.heads() == 0
        || stated.width() % stated.heads() != 0
        || !(stated.normEpsilon() > 0)) {
      throw new CheckpointException(
          source() + ": the metadata describe " + stated + ", the tensors are of " + actual);
    }
    return stated;
  }

  private VitConfig derived(JsonObject json) {
    return config(
        HuggingFaceConfig.heads(json, model.geometry(), source()),
        HuggingFaceConfig.epsilon(json),
        policyOfOrigin());
  }

  private VitConfig config(int heads, float epsilon, PositionPolicy policy) {
    Geometry geometry = model.geometry();
    return new VitConfig(
        geometry.width(),
        geometry.depth(),
        heads,
        geometry.hidden(),
        geometry.mlp(),
        geometry.patch(),
        geometry.grid(),
        geometry.registers(),
        epsilon,
        policy);
  }

  /** What the code does that the layout belongs to. */
  private PositionPolicy policyOfOrigin() {
    if (model.hasRegisterTensor()) {
      return PositionPolicy.SIZE_ANTIALIAS;
    }
    return switch (layout()) {
      case ORIGINAL -> PositionPolicy.OFFSET;
      case TIMM -> PositionPolicy.SIZE_ANTIALIAS;
      case HUGGING_FACE -> PositionPolicy.SIZE;
    };
  }

  private Preprocessing preprocessing(JsonObject configFile, JsonObject preprocessor) {
    if (preprocessor != null) {
      return HuggingFacePreprocessor.parse(preprocessor);
    }
    if (layout() == Layout.TIMM) {
      return TimmPreprocessing.of(configFile, Math.multiplyExact(config.grid(), config.patch()));
    }
    return layout() == Layout.HUGGING_FACE
        ? Preprocessing.DINOV2.withRounding(Preprocessing.Rounding.HUGGING_FACE)
        : Preprocessing.DINOV2;
  }

  /** What the model is. */
  public VitConfig config() {
    return config;
  }

  /**
   * How photographs are prepared for it. Its file is looked at only now, since whoever prepares
   * them in another way can use the model all the same.
   *
   * @throws CheckpointException if that is described by a file that is invalid, or in a way that is
   *     not supported
   */
  public Preprocessing preprocessing() {
    return preprocessing.get();
  }

  /** What an artifact has in the place of registers: as trained, unless something was baked in. */
  public Registers registers() {
    return registers;
  }

  /**
   * What tells the model from others.
   *
   * @throws CheckpointException if the file cannot be read any more
   */
  public Fingerprint fingerprint() {
    return Fingerprint.of(config, read("norm.weight"));
  }

  /** The layout that the checkpoint is in. */
  public Layout layout() {
    return model.naming().layout();
  }

  /** Where the weights come from, for messages. */
  public String source() {
    return checkpoint.source();
  }

  /** Every tensor by its canonical name, with its canonical shape. */
  public SortedMap<String, TensorInfo> tensors() {
    return tensors;
  }

  /** The checkpoint behind, with its own names. */
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /** The checkpoint's names of tensors that inference does without: the mask token, heads. */
  public List<String> ignored() {
    return model.ignored();
  }

  /**
   * Reads a whole tensor, in row-major order.
   *
   * @param name a canonical name
   * @throws CheckpointException if the file cannot be read any more
   */
  public float[] read(String name) {
    float[] values = new float[Math.toIntExact(tensor(name).info().elements())];
    read(name, 0, values, 0, values.length);
    return values;
  }

  /**
   * Reads a run of elements, in row-major order.
   *
   * @param name a canonical name
   * @param first index of the first element
   * @param target receives {@code count} elements from {@code offset} on
   * @throws CheckpointException if the file cannot be read any more
   */
  public void read(String name, long first, float[] target, int offset, int count) {
    CanonicalTensor tensor = tensor(name);
    Objects.checkFromIndexSize(first, (long) count, tensor.info().elements());
    Objects.checkFromIndexSize(offset, count, target.length);
    long skip = first;
    int done = 0;
    for (CanonicalTensor.Part part : tensor.parts()) {
      int now = Math.clamp(part.elements() - skip, 0, count - done);
      if (now > 0) {
        read(part, skip, target, offset + done, now);
        done += now;
      }
      skip = Math.max(0, skip - part.elements());
    }
  }

  private void read(CanonicalTensor.Part part, long first, float[] target, int offset, int count) {
    if (part.source() == null) {
      Arrays.fill(target, offset, offset + count, 0f);
    } else {
      checkpoint.read(part.source(), first, target, offset, count);
    }
  }

  private CanonicalTensor tensor(String name) {
    CanonicalTensor tensor = model.tensors().get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(source() + " has no tensor " + Quoted.of(name));
    }
    return tensor;
  }

  /** Closes the checkpoint behind. */
  @Override
  public void close() {
    checkpoint.close();
  }
}
