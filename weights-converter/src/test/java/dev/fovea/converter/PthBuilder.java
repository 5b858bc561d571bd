package dev.fovea.converter;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/** Builds zip files of stored entries as torch.save does, and remembers where everything is. */
final class PthBuilder {

  /** Sizes and offsets in ZIP64 fields, as in files of more than 4 GiB. */
  enum Sizes {
    /** 32 bits, in the headers. */
    NARROW,
    /** 64 bits, in extra fields. */
    WIDE
  }

  private record Entry(String name, byte[] content) {}

  private final List<Entry> entries = new ArrayList<>();
  private final Map<String, Integer> locals = new HashMap<>();
  private final Map<String, Integer> centrals = new HashMap<>();
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private Sizes sizes = Sizes.NARROW;
  private boolean descriptors;
  private int end;

  PthBuilder add(String name, byte[] content) {
    entries.add(new Entry(name, content));
    return this;
  }

  PthBuilder pickle(byte[] pickle) {
    return add("model/data.pkl", pickle);
  }

  PthBuilder floats(String key, float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asFloatBuffer().put(values);
    return add("model/data/" + key, buffer.array());
  }

  PthBuilder sizes(Sizes newSizes) {
    this.sizes = newSizes;
    return this;
  }

  /** Sizes behind the data, zeros in the local headers: what torch.save writes. */
  PthBuilder withDescriptors() {
    this.descriptors = true;
    return this;
  }

  byte[] build() {
    for (Entry entry : entries) {
      locals.put(entry.name(), bytes.size());
      writeLocal(entry);
    }
    int directory = bytes.size();
    for (Entry entry : entries) {
      centrals.put(entry.name(), bytes.size());
      writeCentral(entry);
    }
    int directoryBytes = bytes.size() - directory;
    int end64 = bytes.size();
    boolean wide = sizes == Sizes.WIDE;
    if (wide) {
      u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0);
      u64(entries.size()).u64(entries.size()).u64(directoryBytes).u64(directory);
      u32(0x07064b50).u32(0).u64(end64).u32(1);
    }
    end = bytes.size();
    int count = wide ? 0xFFFF : entries.size();
    u32(0x06054b50).u16(0).u16(0).u16(entries.size()).u16(wide ? entries.size() : count);
    u32(wide ? -1 : directoryBytes).u32(wide ? -1 : directory).u16(0);
    return bytes.toByteArray();
  }

  /** Where the entry's local header begins. */
  int local(String name) {
    return locals.get(name);
  }

  /** Where the entry begins in the directory. */
  int central(String name) {
    return centrals.get(name);
  }

  /** Where the end record begins. */
  int end() {
    return end;
  }

  private void writeLocal(Entry entry) {
    byte[] name = entry.name().getBytes(StandardCharsets.UTF_8);
    int size = entry.content().length;
    boolean wide = sizes == Sizes.WIDE && !descriptors;
    u32(0x04034b50).u16(20).u16(flags()).u16(0).u32(0).u32(descriptors ? 0 : crc(entry));
    int narrow = descriptors ? 0 : wide ? -1 : size;
    u32(narrow).u32(narrow).u16(name.length).u16(wide ? 20 : 0);
    bytes.writeBytes(name);
    if (wide) {
      u16(1).u16(16).u64(size).u64(size);
    }
    bytes.writeBytes(entry.content());
    if (descriptors) {
      u32(0x08074b50).u32(crc(entry));
      if (sizes == Sizes.WIDE) {
        u64(size).u64(size);
      } else {
        u32(size).u32(size);
      }
    }
  }

  private void writeCentral(Entry entry) {
    byte[] name = entry.name().getBytes(StandardCharsets.UTF_8);
    int size = entry.content().length;
    boolean wide = sizes == Sizes.WIDE;
    u32(0x02014b50).u16(20).u16(20).u16(flags()).u16(0).u32(0).u32(crc(entry));
    u32(wide ? -1 : size).u32(wide ? -1 : size).u16(name.length).u16(wide ? 28 : 0).u16(0);
    u16(0).u16(0).u32(0).u32(wide ? -1 : locals.get(entry.name()));
    bytes.writeBytes(name);
    if (wide) {
      u16(1).u16(24).u64(size).u64(size).u64(locals.get(entry.name()));
    }
  }

  private int flags() {
    return 0x0800 | (descriptors ? 0x0008 : 0);
  }

  private static int crc(Entry entry) {
    CRC32 crc = new CRC32();
    crc.update(entry.content());
    return (int) crc.getValue();
  }

  private PthBuilder u16(int value) {
    bytes.write(value);
    bytes.write(value >>> 8);
    return this;
  }

  private PthBuilder u32(int value) {
    return u16(value & 0xFFFF).u16(value >>> 16);
  }

  private PthBuilder u64(long value) {
    return u32((int) value).u32((int) (value >>> 32));
  }
}
