package dev.fovea.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Damages files, always in the same way for the same seed: as disks and broken downloads do (bits,
 * cuts, blocks in wrong places) and as attackers do (numbers, names and nesting of the JSON).
 */
final class Mutator {

  private static final List<String> NUMBERS =
      List.of(
          "0",
          "-1",
          "1",
          "2",
          "7",
          "65536",
          "2147483647",
          "2147483648",
          "4294967296",
          "9223372036854775807",
          "9223372036854775808",
          "18446744073709551615",
          "99999999999999999999999999",
          "1.5",
          "1e3",
          "1e-400",
          "1e400",
          "null",
          "\"1\"",
          "[]",
          "{}");

  private static final List<String> SNIPPETS =
      List.of(
          "[".repeat(70),
          "{\"a\":".repeat(70),
          "\"dtype\":\"I64\",",
          "F16",
          "\"__metadata__\":{},",
          "\"shape\":[1],",
          "\\u0000",
          "\\ud800",
          "\u00e9",
          "\"",
          "}",
          ",",
          "blocks.",
          "teacher.backbone.");

  private final SplittableRandom random;

  Mutator(long seed) {
    random = new SplittableRandom(seed);
  }

  /** One to three damages to a JSON text. */
  byte[] json(byte[] text) {
    byte[] damaged = text;
    for (int count = random.nextInt(1, 4); count > 0; count--) {
      damaged = damage(damaged, damaged.length);
    }
    return damaged;
  }

  /** One to three damages to a safetensors file, most of them in the header. */
  byte[] safetensors(byte[] file) {
    int headerEnd = 8 + (int) length(file);
    if (random.nextInt(8) == 0) {
      return damage(file, file.length);
    }
    byte[] header = json(Arrays.copyOfRange(file, 8, headerEnd));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    // Mostly with the right length, or few damages would get past the first check.
    out.writeBytes(bytes(random.nextInt(8) == 0 ? oddLength(header.length) : header.length));
    out.writeBytes(header);
    out.write(file, headerEnd, file.length - headerEnd);
    byte[] damaged = out.toByteArray();
    return random.nextInt(16) == 0
        ? Arrays.copyOf(damaged, random.nextInt(damaged.length))
        : damaged;
  }

  private static long length(byte[] file) {
    return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  private static byte[] bytes(long length) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
  }

  private long oddLength(int length) {
    return switch (random.nextInt(4)) {
      case 0 -> length + random.nextInt(-8, 9);
      case 1 -> random.nextLong();
      case 2 -> random.nextLong(99_999_990, 100_000_010);
      default -> random.nextInt();
    };
  }

  private byte[] damage(byte[] bytes, int end) {
    if (end == 0) {
      return bytes;
    }
    int at = random.nextInt(end);
    return switch (random.nextInt(9)) {
      case 0 -> flip(bytes, at);
      case 1 -> Arrays.copyOf(bytes, at);
      case 2 -> replace(bytes, at, Math.min(at + random.nextInt(1, 40), end), new byte[0]);
      case 3 -> replace(bytes, at, at, Arrays.copyOfRange(bytes, at, Math.min(at + 200, end)));
      case 4 -> move(bytes, at, random.nextInt(end), random.nextInt(1, 100));
      case 5 -> replace(bytes, at, at, pick(SNIPPETS));
      case 6 -> duplicateEntry(bytes, at);
      default -> replaceNumber(bytes, at);
    };
  }

  private byte[] flip(byte[] bytes, int at) {
    byte[] damaged = bytes.clone();
    damaged[at] ^= (byte) (1 << random.nextInt(8));
    return damaged;
  }

  private static byte[] replace(byte[] bytes, int from, int to, byte[] by) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(bytes, 0, from);
    out.writeBytes(by);
    out.write(bytes, to, bytes.length - to);
    return out.toByteArray();
  }

  private static byte[] move(byte[] bytes, int from, int to, int length) {
    byte[] damaged = bytes.clone();
    int fit = Math.min(length, bytes.length - Math.max(from, to));
    System.arraycopy(bytes, from, damaged, to, fit);
    return damaged;
  }

  /** Another number for the first one behind the place. */
  private byte[] replaceNumber(byte[] bytes, int at) {
    int start = at;
    while (start < bytes.length && !isDigit(bytes[start])) {
      start++;
    }
    int end = start;
    while (end < bytes.length && isDigit(bytes[end])) {
      end++;
    }
    return replace(bytes, start, end, pick(NUMBERS));
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }

  /** Repeats what stands between two commas. */
  private static byte[] duplicateEntry(byte[] bytes, int at) {
    List<Integer> commas = new ArrayList<>();
    for (int i = at; i < bytes.length && commas.size() < 5; i++) {
      if (bytes[i] == ',') {
        commas.add(i);
      }
    }
    return commas.size() < 2
        ? bytes
        : replace(
            bytes,
            commas.getFirst(),
            commas.getFirst(),
            Arrays.copyOfRange(bytes, commas.getFirst(), commas.getLast()));
  }

  private byte[] pick(List<String> texts) {
    return texts.get(random.nextInt(texts.size())).getBytes(StandardCharsets.UTF_8);
  }
}
