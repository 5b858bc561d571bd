package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model of a published size whose weights come from a formula: the same values on every machine
 * and in every language, so that tests and benchmarks need no download.
 *
 * <p>Element i (from 0) of tensor NAME is the output of SplitMix64 at state h + (i + 1) *
 * 0x9E3779B97F4A7C15, where h is the first 8 bytes, little-endian, of SHA-256("SEED:NAME"); its top
 * 24 bits are scaled to [-1, 1), then by the kind of tensor so that activations stay in the range
 * of a trained network's.
 */
public final class SyntheticCheckpoint implements Checkpoint {

  /** What a name begins with. */
  public static final String SCHEME = "synthetic:";

  private static final Pattern NAME =
      Pattern.compile(
          "synthetic:(small|base|large|giant|tiny-swiglu|tiny)(?:-reg(\\d{1,3}))?(?:@(\\d{1,40}))?");

  private static final String FORM =
      "synthetic:{small,base,large,giant,tiny,tiny-swiglu}[-regR][@SEED]";

  private static final int PATCH = 14;

  private record Size(int width, int depth, int hidden, boolean swiglu, int grid) {}

  private final String name;
  private final String seed;
  private final SortedMap<String, TensorInfo> tensors = new TreeMap<>();

  /**
   * The model of a name such as {@code synthetic:small-reg4@1}; no registers and seed 1 where the
   * name has none.
   *
   * @throws CheckpointException if the name has another form
   */
  public SyntheticCheckpoint(String name) {
    Matcher matcher = NAME.matcher(name);
    if (!matcher.matches()) {
      throw new CheckpointException("no synthetic model '" + name + "'; the form is " + FORM);
    }
    this.name = name;
    this.seed = matcher.group(3) == null ? "1" : new BigInteger(matcher.group(3)).toString();
    int registers = matcher.group(2) == null ? 0 : Integer.parseInt(matcher.group(2));
    Size size =
        switch (matcher.group(1)) {
          case "small" -> new Size(384, 12, 1536, false, 37);
          case "base" -> new Size(768, 12, 3072, false, 37);
          case "large" -> new Size(1024, 24, 4096, false, 37);
          case "giant" -> new Size(1536, 40, 4096, true, 37);
          case "tiny" -> new Size(128, 2, 512, false, 5);
          default -> new Size(128, 2, 344, true, 5);
        };
    describe(size, registers);
  }

  private void describe(Size size, int registers) {
    long width = size.width;
    long hidden = size.hidden;
    add("cls_token", 1, 1, width);
    add("mask_token", 1, width);
    add("pos_embed", 1, 1 + (long) size.grid * size.grid, width);
    if (registers > 0) {
      add("register_tokens", 1, registers, width);
    }
    add("patch_embed.proj.weight", width, 3, PATCH, PATCH);
    add("patch_embed.proj.bias", width);
    add("norm.weight", width);
    add("norm.bias", width);
    for (int i = 0; i < size.depth; i++) {
      String block = "blocks." + i + ".";
      for (String vector :
          List.of(
              "norm1.weight",
              "norm1.bias",
              "norm2.weight",
              "norm2.bias",
              "ls1.gamma",
              "ls2.gamma")) {
        add(block + vector, width);
      }
      addLinear(block + "attn.qkv", 3 * width, width);
      addLinear(block + "attn.proj", width, width);
      addLinear(
          block + (size.swiglu ? "mlp.w12" : "mlp.fc1"), size.swiglu ? 2 * hidden : hidden, width);
      addLinear(block + (size.swiglu ? "mlp.w3" : "mlp.fc2"), width, hidden);
    }
  }

  private void addLinear(String layer, long outputs, long inputs) {
    add(layer + ".weight", outputs, inputs);
    add(layer + ".bias", outputs);
  }

  private void add(String tensor, long... shape) {
    tensors.put(tensor, new TensorInfo(tensor, "F32", Arrays.stream(shape).boxed().toList()));
  }

  @Override
  public String source() {
    return name;
  }

  @Override
  public SortedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSortedMap(tensors);
  }

  @Override
  public Map<String, String> metadata() {
    return Map.of();
  }

  @Override
  public void read(String tensor, long first, float[] target, int offset, int count) {
    TensorInfo info = tensor(tensor);
    info.checkRun(first, target, offset, count);
    fill(seed, tensor, first, target, offset, count);
    scale(info, target, offset, count);
  }

  /** The first {@code count} values of the raw stream of a name: uniform in [-1, 1). */
  public static float[] uniform(String name, long seed, int count) {
    float[] values = new float[count];
    fill(String.valueOf(seed), name, 0, values, 0, count);
    return values;
  }

  private static void fill(
      String seed, String tensor, long first, float[] target, int offset, int count) {
    long state = start(seed + ":" + tensor) + first * 0x9E3779B97F4A7C15L;
    for (int i = 0; i < count; i++) {
      state += 0x9E3779B97F4A7C15L;
      long z = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      z ^= z >>> 31;
      target[offset + i] = (z >>> 40) * 0x1p-23f - 1;
    }
  }

  private static void scale(TensorInfo info, float[] target, int offset, int count) {
    String tensor = info.name();
    float shift = 0;
    float factor = 0.5f;
    if (tensor.endsWith("norm1.weight")
        || tensor.endsWith("norm2.weight")
        || tensor.equals("norm.weight")) {
      shift = 1;
      factor = 0.2f;
    } else if (tensor.endsWith("gamma")) {
      shift = 0.3f;
      factor = 0.2f;
    } else if (tensor.endsWith(".bias")) {
      factor = 0.1f;
    } else if (tensor.endsWith("weight")) {
      long inputs = info.elements() / info.shape().getFirst();
      factor = (float) (1.2 * Math.sqrt(3.0 / inputs));
    }
    for (int i = offset; i < offset + count; i++) {
      target[i] = shift + factor * target[i];
    }
  }

  private static long start(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return ByteBuffer.wrap(digest).order(ByteOrder.LITTLE_ENDIAN).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  @Override
  public void close() {}
}
