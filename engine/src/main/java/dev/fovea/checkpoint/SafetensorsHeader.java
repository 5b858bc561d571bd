package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The checked header of a safetensors file. A file is 8 bytes of header length (little-endian), a
 * header of JSON, then the elements of every tensor without holes; the checks, their order and the
 * error names in brackets are those of the official library (safetensors/src/tensor.rs), and
 * duplicate names are refused besides.
 *
 * @param tensors where each tensor lies
 * @param metadata the strings under {@code __metadata__}
 */
record SafetensorsHeader(SortedMap<String, Location> tensors, Map<String, String> metadata) {

  /**
   * A tensor and its place.
   *
   * @param begin offset of its first byte in the file
   * @param end offset behind its last byte
   */
  record Location(TensorInfo info, long begin, long end) {}

  /** Longest header that the official library reads. */
  static final long MAX_LENGTH = 100_000_000;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Bits of an element of every type that the format knows. */
  private static final Map<String, Integer> BITS =
      Map.ofEntries(
          Map.entry("BOOL", 8),
          Map.entry("F4", 4),
          Map.entry("F6_E2M3", 6),
          Map.entry("F6_E3M2", 6),
          Map.entry("U8", 8),
          Map.entry("I8", 8),
          Map.entry("F8_E5M2", 8),
          Map.entry("F8_E4M3", 8),
          Map.entry("F8_E8M0", 8),
          Map.entry("F8_E4M3FNUZ", 8),
          Map.entry("F8_E5M2FNUZ", 8),
          Map.entry("I16", 16),
          Map.entry("U16", 16),
          Map.entry("F16", 16),
          Map.entry("BF16", 16),
          Map.entry("I32", 32),
          Map.entry("U32", 32),
          Map.entry("F32", 32),
          Map.entry("C64", 64),
          Map.entry("F64", 64),
          Map.entry("I64", 64),
          Map.entry("U64", 64));

  /**
   * Reads and checks the header of a whole file.
   *
   * @throws CheckpointException if any check fails
   */
  static SafetensorsHeader parse(MemorySegment file, String source) {
    if (file.byteSize() < 8) {
      throw broken(
          source, "HeaderTooSmall", "at least 8 bytes were expected, got " + file.byteSize());
    }
    long length = file.get(LONG, 0);
    if (length < 0 || length > MAX_LENGTH) {
      throw broken(
          source,
          "HeaderTooLarge",
          "a header of at most "
              + MAX_LENGTH
              + " bytes was expected, got "
              + Long.toUnsignedString(length)
              + (isZip(file) ? "; a zip archive such as a .pth must be converted first" : ""));
    }
    if (length > file.byteSize() - 8) {
      throw broken(
          source,
          "InvalidHeaderLength",
          "a header of " + length + " bytes does not fit a file of " + file.byteSize());
    }
    if (length == 0 || file.get(ValueLayout.JAVA_BYTE, 8) != '{') {
      throw broken(source, "InvalidHeaderStart", "the header must start with '{'");
    }
    byte[] json = file.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
    String what = source + ", safetensors header";
    JsonObject header = JsonObject.of(Json.parse(json, what), what);
    return check(header, 8 + length, file.byteSize(), source);
  }

  private static boolean isZip(MemorySegment file) {
    return file.get(ValueLayout.JAVA_BYTE, 0) == 'P' && file.get(ValueLayout.JAVA_BYTE, 1) == 'K';
  }

  private static SafetensorsHeader check(
      JsonObject header, long dataStart, long fileLength, String source) {
    Map<String, String> metadata = Map.of();
    List<Location> locations = new ArrayList<>();
    for (String name : header.members().keySet()) {
      if (name.equals("__metadata__")) {
        metadata = strings(header.object(name));
      } else {
        locations.add(location(name, header.object(name)));
      }
    }
    locations.sort(Comparator.comparingLong(Location::begin).thenComparingLong(Location::end));
    long end = 0;
    for (Location location : locations) {
      checkPlace(location, end, source);
      end = location.end();
    }
    if (end != fileLength - dataStart) {
      throw broken(
          source,
          "MetadataIncompleteBuffer",
          "tensors of "
              + end
              + " bytes in all were expected behind the header, got "
              + (fileLength - dataStart)
              + " bytes; is the file complete?");
    }
    SortedMap<String, Location> tensors = new TreeMap<>();
    for (Location location : locations) {
      tensors.put(
          location.info().name(),
          new Location(location.info(), dataStart + location.begin(), dataStart + location.end()));
    }
    return new SafetensorsHeader(
        Collections.unmodifiableSortedMap(tensors), Collections.unmodifiableMap(metadata));
  }

  private static Map<String, String> strings(JsonObject object) {
    Map<String, String> strings = new LinkedHashMap<>();
    for (String key : object.members().keySet()) {
      strings.put(key, object.text(key));
    }
    return strings;
  }

  /** A tensor with its offsets as the header has them, relative to the end of the header. */
  private static Location location(String name, JsonObject entry) {
    String dtype = entry.text("dtype");
    if (!BITS.containsKey(dtype)) {
      throw new CheckpointException(
          entry.what() + ": unknown dtype " + Quoted.of(dtype) + " (InvalidHeaderDeserialization)");
    }
    List<Long> shape = integers(entry, "shape");
    List<Long> offsets = integers(entry, "data_offsets");
    if (offsets.size() != 2) {
      throw new CheckpointException(
          entry.what() + ": expected two data_offsets, got " + Quoted.of(offsets));
    }
    return new Location(new TensorInfo(name, dtype, shape), offsets.get(0), offsets.get(1));
  }

  private static List<Long> integers(JsonObject entry, String key) {
    List<Long> integers = new ArrayList<>();
    for (Object item : entry.list(key)) {
      if (!(item instanceof Long integer) || integer < 0) {
        throw new CheckpointException(
            entry.what()
                + ": expected integers from 0 for "
                + Quoted.of(key)
                + ", got "
                + Quoted.of(item));
      }
      integers.add(integer);
    }
    return integers;
  }

  private static void checkPlace(Location location, long expectedBegin, String source) {
    TensorInfo info = location.info();
    String tensor = source + ", tensor " + Quoted.of(info.name());
    if (location.begin() != expectedBegin || location.end() < location.begin()) {
      throw broken(
          tensor,
          "InvalidOffset",
          String.format(
              "tensors must follow each other without holes or overlaps: expected data_offsets from"
                  + " %d, got [%d, %d]",
              expectedBegin, location.begin(), location.end()));
    }
    long bits;
    try {
      bits = Math.multiplyExact(info.elements(), BITS.get(info.dtype()).longValue());
    } catch (ArithmeticException e) {
      throw broken(
          tensor,
          "ValidationOverflow",
          "the size of shape " + Quoted.of(info.shape()) + " overflows");
    }
    if (bits % 8 != 0) {
      throw broken(tensor, "MisalignedSlice", bits + " bits are not whole bytes");
    }
    if (location.end() - location.begin() != bits / 8) {
      throw broken(
          tensor,
          "TensorInvalidInfo",
          String.format(
              "%s of shape %s has %d bytes, data_offsets [%d, %d] give %d",
              info.dtype(),
              Quoted.of(info.shape()),
              bits / 8,
              location.begin(),
              location.end(),
              location.end() - location.begin()));
    }
  }

  private static CheckpointException broken(String where, String name, String detail) {
    return new CheckpointException(
        where + ": not a valid safetensors file (" + name + "): " + detail);
  }
}
