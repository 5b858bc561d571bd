package dev.fovea.converter;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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

  /** An entry; {@code zeros} more bytes follow its content. */
  @SuppressWarnings("ArrayRecordComponent") // entries are not compared
  private record Entry(String name, byte[] content, long zeros) {
    long size() {
      return content.length + zeros;
    }
  }

  /** A run of bytes of the file; what lies between runs is zero. */
  @SuppressWarnings("ArrayRecordComponent") // runs are not compared
  private record Run(long at, byte[] bytes) {}

  private final List<Entry> entries = new ArrayList<>();
  private final Map<String, Long> locals = new HashMap<>();
  private final Map<String, Long> centrals = new HashMap<>();
  private final List<Run> runs = new ArrayList<>();
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private Sizes sizes = Sizes.NARROW;
  private boolean descriptors;
  private long start;
  private long end;

  /** The file of one tensor "w" over a storage of the numbers 0 to 11. */
  static PthBuilder oneTensor(long offset, long[] shape, long[] strides) {
    return new PthBuilder()
        .pickle(
            PickleWriter.begin()
                .op('}')
                .text("w")
                .tensor("FloatStorage", "0", 12, offset, shape, strides)
                .op('s')
                .stop())
        .floats("0", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  }

  /** The same with the tensor [3, 4] that is the whole storage. */
  static PthBuilder plain() {
    return oneTensor(0, new long[] {3, 4}, new long[] {4, 1});
  }

  PthBuilder add(String name, byte[] content) {
    entries.add(new Entry(name, content, 0));
    return this;
  }

  /** An entry of zeros, which take no room on disk. */
  PthBuilder zeros(String name, long count) {
    entries.add(new Entry(name, new byte[0], count));
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

  /** The whole file. */
  byte[] build() {
    writeAll();
    return runs.getFirst().bytes();
  }

  /** Writes the file, with holes for zeros. */
  void write(Path file) throws IOException {
    writeAll();
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (Run run : runs) {
        channel.write(ByteBuffer.wrap(run.bytes()), run.at());
      }
    }
  }

  private void writeAll() {
    for (Entry entry : entries) {
      locals.put(entry.name(), at());
      writeLocal(entry);
    }
    long directory = at();
    for (Entry entry : entries) {
      centrals.put(entry.name(), at());
      writeCentral(entry);
    }
    long directoryBytes = at() - directory;
    long end64 = at();
    boolean wide = sizes == Sizes.WIDE;
    if (wide) {
      u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0);
      u64(entries.size()).u64(entries.size()).u64(directoryBytes).u64(directory);
      u32(0x07064b50).u32(0).u64(end64).u32(1);
    }
    end = at();
    u32(0x06054b50).u16(0).u16(0).u16(entries.size()).u16(entries.size());
    u32(wide ? -1 : (int) directoryBytes).u32(wide ? -1 : (int) directory).u16(0);
    runs.add(new Run(start, bytes.toByteArray()));
  }

  /** Where the entry's local header begins. */
  int local(String name) {
    return Math.toIntExact(locals.get(name));
  }

  /** Where the entry begins in the directory. */
  int central(String name) {
    return Math.toIntExact(centrals.get(name));
  }

  /** Where the end record begins. */
  int end() {
    return Math.toIntExact(end);
  }

  private long at() {
    return start + bytes.size();
  }

  private void skip(long zeros) {
    if (zeros > 0) {
      runs.add(new Run(start, bytes.toByteArray()));
      start = at() + zeros;
      bytes.reset();
    }
  }

  private void writeLocal(Entry entry) {
    byte[] name = entry.name().getBytes(StandardCharsets.UTF_8);
    long size = entry.size();
    boolean wide = sizes == Sizes.WIDE && !descriptors;
    u32(0x04034b50).u16(20).u16(flags()).u16(0).u32(0).u32(descriptors ? 0 : crc(entry));
    int narrow = descriptors ? 0 : wide ? -1 : (int) size;
    u32(narrow).u32(narrow).u16(name.length).u16(wide ? 20 : 0);
    bytes.writeBytes(name);
    if (wide) {
      u16(1).u16(16).u64(size).u64(size);
    }
    bytes.writeBytes(entry.content());
    skip(entry.zeros());
    if (descriptors) {
      u32(0x08074b50).u32(crc(entry));
      if (sizes == Sizes.WIDE) {
        u64(size).u64(size);
      } else {
        u32((int) size).u32((int) size);
      }
    }
  }

  private void writeCentral(Entry entry) {
    byte[] name = entry.name().getBytes(StandardCharsets.UTF_8);
    long size = entry.size();
    boolean wide = sizes == Sizes.WIDE;
    u32(0x02014b50).u16(20).u16(20).u16(flags()).u16(0).u32(0).u32(crc(entry));
    u32(wide ? -1 : (int) size)
        .u32(wide ? -1 : (int) size)
        .u16(name.length)
        .u16(wide ? 28 : 0)
        .u16(0);
    u16(0).u16(0).u32(0).u32(wide ? -1 : (int) (long) locals.get(entry.name()));
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
