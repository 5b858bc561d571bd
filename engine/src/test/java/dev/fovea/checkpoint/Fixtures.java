package dev.fovea.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * The tiny checkpoints that the official libraries have written, rebuilt byte for byte: their
 * headers and SHA-256 sums are resources, their values follow from the formula of the synthetic
 * models.
 */
public final class Fixtures {

  private static final Path FOLDER = Path.of("target", "fixtures");

  private Fixtures() {}

  /**
   * The path of a file or directory, such as "tiny-reg4/hf" or "tiny-reg4/timm.safetensors".
   *
   * <p>There are tiny-reg4/{hf, hf-sharded, timm.safetensors, hf-f16.safetensors,
   * hf-bf16.safetensors}, tiny-reg0/{hf, timm.safetensors}, tiny-swiglu-reg4/{hf,
   * timm.safetensors}.
   */
  public static synchronized Path path(String name) {
    Path path = FOLDER.resolve(name);
    List<String> files =
        new String(resource("sha256sums"), UTF_8)
            .lines()
            .filter(line -> line.substring(66).equals(name) || line.startsWith(name + "/", 66))
            .toList();
    if (files.isEmpty()) {
      throw new IllegalArgumentException("no fixture " + name);
    }
    try {
      for (String line : files) {
        make(line.substring(66), line.substring(0, 64));
      }
      for (String json :
          List.of("config.json", "preprocessor_config.json", "model.safetensors.index.json")) {
        byte[] text = resource(name + "/" + json);
        if (text != null) {
          write(path.resolve(json), text);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return path;
  }

  private static void make(String file, String sha256) throws IOException {
    Path path = FOLDER.resolve(file);
    if (Files.exists(path) && sha256(Files.readAllBytes(path)).equals(sha256)) {
      return;
    }
    byte[] bytes = rebuild(file);
    if (!sha256(bytes).equals(sha256)) {
      throw new AssertionError(file + " is not the file that the official library wrote");
    }
    write(path, bytes);
  }

  /** Tests of several modules may run at once, so a file appears complete. */
  private static void write(Path path, byte[] bytes) throws IOException {
    Files.createDirectories(path.getParent());
    Path partial = Files.createTempFile(path.getParent(), "fixture", ".tmp");
    Files.write(partial, bytes);
    Files.move(partial, path, StandardCopyOption.ATOMIC_MOVE);
  }

  private static byte[] rebuild(String file) {
    byte[] header = resource(file + ".header");
    String text = new String(header, 8, header.length - 8, UTF_8);
    Published published = published(file);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(header);
    JsonObject.parse(text, file).members().entrySet().stream()
        .filter(entry -> !entry.getKey().equals("__metadata__"))
        .sorted(Comparator.comparing(entry -> begin(entry.getValue())))
        .forEach(
            entry -> {
              String dtype = (String) ((Map<?, ?>) entry.getValue()).get("dtype");
              float[] values = published.values(published.tensors().get(entry.getKey()));
              out.writeBytes(encode(values, dtype));
            });
    return out.toByteArray();
  }

  private static Long begin(Object entry) {
    return (Long) ((List<?>) ((Map<?, ?>) entry).get("data_offsets")).getFirst();
  }

  private static Published published(String file) {
    Published.Model model =
        file.startsWith("tiny-swiglu") ? Published.Model.TINY_SWIGLU : Published.Model.TINY;
    return new Published(
        model.withRegisters(file.contains("reg0") ? 0 : 4),
        file.contains("timm") ? Published.Style.TIMM : Published.Style.HUGGING_FACE);
  }

  /** Little-endian elements, rounded to nearest, ties to even. */
  static byte[] encode(float[] values, String dtype) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (dtype) {
        case "F32" -> buffer.putFloat(value);
        case "F64" -> buffer.putDouble(value);
        case "F16" -> buffer.putShort(Float.floatToFloat16(value));
        case "BF16" -> {
          float upper = Float.intBitsToFloat(Float.floatToIntBits(value) & 0xFFFF0000);
          float next = Float.intBitsToFloat((Float.floatToIntBits(value) | 0xFFFF) + 1);
          double low = Math.abs((double) value - upper);
          double high = Math.abs((double) next - value);
          boolean even = (Float.floatToIntBits(upper) & 0x10000) == 0;
          boolean down = low < high || (low == high && even);
          buffer.putShort((short) (Float.floatToIntBits(down ? upper : next) >>> 16));
        }
        default -> throw new IllegalArgumentException(dtype);
      }
    }
    return Arrays.copyOf(buffer.array(), buffer.position());
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static byte[] resource(String name) {
    try (InputStream in = Fixtures.class.getResourceAsStream("/fixtures/" + name)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
