package dev.fovea.converter;

import dev.fovea.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The zip container that torch.save writes: stored entries below one root folder, ZIP64 where it
 * needs it. Everything is checked before anything is believed: each entry's local header against
 * the central directory, each range against the file and against its neighbours.
 *
 * <p>The JDK's own zip reader offers streams of entries; tensors are read in place and in any order
 * from a mapping of several gigabytes, which needs the offsets. CRC-32 values are not checked:
 * PyTorch can be told to leave them out, and its own reader does not insist either.
 *
 * <p>Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
 */
final class StoredZip {

  /**
   * A stored entry.
   *
   * @param name below the root folder: "data.pkl", "data/0"
   * @param offset of its first byte in the file
   * @param size in bytes
   */
  record Entry(String name, long offset, long size) {}

  private static final long LOCAL_SIGNATURE = 0x04034b50L;
  private static final long CENTRAL_SIGNATURE = 0x02014b50L;
  private static final long DESCRIPTOR_SIGNATURE = 0x08074b50L;
  private static final long END_SIGNATURE = 0x06054b50L;
  private static final long END64_SIGNATURE = 0x06064b50L;
  private static final long LOCATOR_SIGNATURE = 0x07064b50L;

  private static final int LOCAL_BYTES = 30;
  private static final int CENTRAL_BYTES = 46;
  private static final int END_BYTES = 22;
  private static final int END64_BYTES = 56;
  private static final int LOCATOR_BYTES = 20;

  private static final int MAX_U16 = 0xFFFF;
  private static final long MAX_U32 = 0xFFFF_FFFFL;
  private static final int ZIP64_EXTRA = 0x0001;
  private static final int ENCRYPTED = 1;
  private static final int HAS_DESCRIPTOR = 1 << 3;
  private static final int UTF8_NAMES = 1 << 11;

  /** Far above what a checkpoint has: one entry a storage, 568 for ViT-g. */
  private static final int MAX_ENTRIES = 100_000;

  private static final int MAX_NAME_BYTES = 1024;

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment file;
  private final String source;
  private final SortedMap<String, Entry> entries = new TreeMap<>();

  private StoredZip(MemorySegment file, String source) {
    this.file = file;
    this.source = source;
  }

  /**
   * Reads and checks the directory of a zip file.
   *
   * @param file the whole file
   * @param source what to call it in messages
   * @throws CheckpointException if it is anything else than torch.save writes
   */
  static StoredZip parse(MemorySegment file, String source) {
    StoredZip zip = new StoredZip(file, source);
    List<Located> located = zip.readDirectory(zip.findDirectory());
    zip.nameBelowRoot(located);
    zip.checkOverlaps(located);
    return zip;
  }

  /** Every entry, by its name below the root folder. */
  SortedMap<String, Entry> entries() {
    return Collections.unmodifiableSortedMap(entries);
  }

  /** The bytes of an entry. */
  MemorySegment content(Entry entry) {
    return file.asSlice(entry.offset(), entry.size());
  }

  /** Where the central directory is; it ends where the end records begin. */
  private record Directory(long offset, long end, long count) {}

  /** An entry with its full name and all it occupies, from the local header to the descriptor. */
  private record Located(String name, long start, long data, long size, long end) {}

  /** What the central directory says of an entry. */
  private record Central(String name, int flags, long crc, long size, long local) {}

  private Directory findDirectory() {
    long end = findEnd();
    long count = u16(end + 10);
    long size = u32(end + 12);
    long offset = u32(end + 16);
    long disks = u16(end + 4) | u16(end + 6);
    long countHere = u16(end + 8);
    long directoryEnd = end;
    long locator = end - LOCATOR_BYTES;
    if (locator >= 0 && u32(locator) == LOCATOR_SIGNATURE) {
      long end64 = u64(locator + 8);
      if (end64 < 0
          || end64 > locator - END64_BYTES
          || u32(end64) != END64_SIGNATURE
          || u64(end64 + 4) != locator - end64 - 12) {
        throw damaged("its ZIP64 locator points at no ZIP64 end record");
      }
      if (disagrees(count, MAX_U16, u64(end64 + 32))
          || disagrees(size, MAX_U32, u64(end64 + 40))
          || disagrees(offset, MAX_U32, u64(end64 + 48))) {
        throw damaged("its end record and its ZIP64 end record disagree");
      }
      disks = u32(end64 + 16) | u32(end64 + 20) | u32(locator + 4);
      countHere = u64(end64 + 24);
      count = u64(end64 + 32);
      size = u64(end64 + 40);
      offset = u64(end64 + 48);
      directoryEnd = end64;
    }
    if (disks != 0 || countHere != count) {
      throw damaged("it is one part of a zip archive in several parts");
    }
    if (size < 0 || offset < 0 || size > directoryEnd || offset != directoryEnd - size) {
      throw damaged(
          "its directory (%d bytes at %d) does not end at %d, where the end record begins",
          size, offset, directoryEnd);
    }
    if (count < 0 || count > MAX_ENTRIES || count > size / CENTRAL_BYTES) {
      throw damaged("it claims %d entries in a directory of %d bytes", count, size);
    }
    return new Directory(offset, directoryEnd, count);
  }

  private static boolean disagrees(long narrow, long saturated, long wide) {
    return narrow != saturated && narrow != wide;
  }

  private long findEnd() {
    long last = file.byteSize() - END_BYTES;
    for (long at = last; at >= Math.max(0, last - MAX_U16); at--) {
      if (u32(at) == END_SIGNATURE && u16(at + 20) == last - at) {
        return at;
      }
    }
    throw damaged("it has no zip end record, so it is cut off; download or save it again");
  }

  private List<Located> readDirectory(Directory directory) {
    List<Located> located = new ArrayList<>();
    long at = directory.offset();
    for (long i = 0; i < directory.count(); i++) {
      if (at > directory.end() - CENTRAL_BYTES || u32(at) != CENTRAL_SIGNATURE) {
        throw damaged("entry %d of its directory is missing", i);
      }
      long next = at + CENTRAL_BYTES + u16(at + 28) + u16(at + 30) + u16(at + 32);
      if (next > directory.end()) {
        throw damaged("entry %d of its directory reaches beyond the directory", i);
      }
      Located entry = locate(readCentral(at), directory.offset());
      if (!isFolder(entry)) {
        located.add(entry);
      }
      at = next;
    }
    if (at != directory.end()) {
      throw damaged("its directory has %d bytes too many", directory.end() - at);
    }
    return located;
  }

  /** Tools that pack folders have entries for them, which hold nothing. */
  private boolean isFolder(Located entry) {
    if (entry.name().endsWith("/") && entry.size() > 0) {
      throw damaged("entry %s is a folder, and has %d bytes", entry.name(), entry.size());
    }
    return entry.name().endsWith("/");
  }

  private Central readCentral(long at) {
    int nameBytes = u16(at + 28);
    String name = name(at + CENTRAL_BYTES, nameBytes);
    long compressed = u32(at + 20);
    long size = u32(at + 24);
    long local = u32(at + 42);
    Zip64 wide = new Zip64(name, at + CENTRAL_BYTES + nameBytes, u16(at + 30));
    size = wide.next(size);
    compressed = wide.next(compressed);
    local = wide.next(local);
    int flags = u16(at + 8);
    checkStored(name, flags, u16(at + 10));
    if (compressed != size || size < 0) {
      throw damaged("entry %s: stored size %d, but %d when read", name, compressed, size);
    }
    if (u16(at + 34) != 0) {
      throw damaged("entry %s lies in another part of the archive", name);
    }
    return new Central(name, flags, u32(at + 16), size, local);
  }

  private void checkStored(String name, int flags, int method) {
    if ((flags & ENCRYPTED) != 0) {
      throw damaged("entry %s is encrypted", name);
    }
    if ((flags & ~(HAS_DESCRIPTOR | UTF8_NAMES)) != 0) {
      throw damaged("entry %s has unsupported zip flags 0x%04x", name, flags);
    }
    if (method != 0) {
      throw damaged(
          "entry %s is compressed (method %d), but torch.save stores entries as they are; load the"
              + " file in PyTorch and save it again",
          name, method);
    }
  }

  /** Follows an entry to its local header, which must tell the same story. */
  private Located locate(Central central, long limit) {
    String name = central.name();
    long at = central.local();
    if (at < 0 || at > limit - LOCAL_BYTES || u32(at) != LOCAL_SIGNATURE) {
      throw damaged("entry %s: no local header at %d", name, at);
    }
    int nameBytes = u16(at + 26);
    int extraBytes = u16(at + 28);
    long data = at + LOCAL_BYTES + nameBytes + extraBytes;
    if (data > limit || central.size() > limit - data) {
      throw damaged(
          "entry %s: %d bytes at %d reach into the directory", name, central.size(), data);
    }
    if (!name(at + LOCAL_BYTES, nameBytes).equals(name)
        || u16(at + 6) != central.flags()
        || u16(at + 8) != 0) {
      throw damaged("entry %s: its local header has another name, method or flags", name);
    }
    long end = data + central.size();
    if ((central.flags() & HAS_DESCRIPTOR) != 0) {
      end += checkDescriptor(central, end, limit);
    }
    checkLocalSizes(central, at, new Zip64(name, at + LOCAL_BYTES + nameBytes, extraBytes));
    return new Located(name, at, data, central.size(), end);
  }

  private void checkLocalSizes(Central central, long at, Zip64 wide) {
    long size = wide.next(u32(at + 22));
    long compressed = wide.next(u32(at + 18));
    boolean later = (central.flags() & HAS_DESCRIPTOR) != 0 && size == 0 && compressed == 0;
    if (later) {
      return;
    }
    if (size != central.size() || compressed != central.size() || u32(at + 14) != central.crc()) {
      throw damaged(
          "entry %s: %d bytes by the directory, %d by its local header, or another checksum",
          central.name(), central.size(), size);
    }
  }

  /** Checks the sizes repeated behind the data, in 32 or 64 bits; returns the length in bytes. */
  private int checkDescriptor(Central central, long at, long limit) {
    if (at <= limit - 16 && u32(at) == DESCRIPTOR_SIGNATURE && u32(at + 4) == central.crc()) {
      if (u32(at + 8) == central.size() && u32(at + 12) == central.size()) {
        return 16;
      }
      if (at <= limit - 24 && u64(at + 8) == central.size() && u64(at + 16) == central.size()) {
        return 24;
      }
    }
    throw damaged("entry %s: the record behind its data does not match", central.name());
  }

  private void checkOverlaps(List<Located> located) {
    List<Located> ordered = new ArrayList<>(located);
    ordered.sort(Comparator.comparingLong(Located::start));
    for (int i = 1; i < ordered.size(); i++) {
      if (ordered.get(i).start() < ordered.get(i - 1).end()) {
        throw damaged(
            "entries %s and %s overlap", ordered.get(i - 1).name(), ordered.get(i).name());
      }
    }
  }

  private void nameBelowRoot(Collection<Located> located) {
    String root = null;
    for (Located entry : located) {
      int slash = entry.name().indexOf('/');
      String folder = slash < 0 ? "" : entry.name().substring(0, slash + 1);
      if (root == null) {
        root = folder;
      }
      if (folder.isEmpty() || !folder.equals(root)) {
        throw damaged("entry %s is not in the one folder that all entries share", entry.name());
      }
      String name = entry.name().substring(root.length());
      if (entries.put(name, new Entry(name, entry.data(), entry.size())) != null) {
        throw damaged("entry %s is there twice", entry.name());
      }
    }
  }

  private String name(long at, int bytes) {
    if (bytes > MAX_NAME_BYTES) {
      throw damaged("an entry's name has %d bytes, more than %d", bytes, MAX_NAME_BYTES);
    }
    checkRange(at, bytes);
    byte[] utf8 = file.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
    String name;
    try {
      name = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(source + ": a zip entry's name is not UTF-8", e);
    }
    if (!isPlainPath(name)) {
      throw damaged("entry name '%s' is not a plain relative path", name);
    }
    return name;
  }

  private static boolean isPlainPath(String name) {
    String path = name.endsWith("/") ? name.substring(0, name.length() - 1) : name;
    for (String part : path.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        return false;
      }
    }
    return name.indexOf('\\') < 0 && name.chars().noneMatch(Character::isISOControl);
  }

  /** The 64-bit values of an extra field: one for each 32-bit value that is saturated, in order. */
  private final class Zip64 {
    private final String name;
    private long at;
    private long end;

    Zip64(String name, long extra, int extraBytes) {
      this.name = name;
      long limit = extra + extraBytes;
      for (long field = extra; field <= limit - 4; field += 4 + u16(field + 2)) {
        if (u16(field) == ZIP64_EXTRA) {
          at = field + 4;
          end = at + u16(field + 2);
          if (end > limit) {
            throw damaged("entry %s: its ZIP64 field is cut off", name);
          }
          return;
        }
      }
    }

    long next(long narrow) {
      if (narrow != MAX_U32) {
        return narrow;
      }
      if (at > end - 8) {
        throw damaged("entry %s: a ZIP64 value is missing", name);
      }
      at += 8;
      return u64(at - 8);
    }
  }

  private int u16(long at) {
    checkRange(at, 2);
    return Short.toUnsignedInt(file.get(U16, at));
  }

  private long u32(long at) {
    checkRange(at, 4);
    return Integer.toUnsignedLong(file.get(U32, at));
  }

  private long u64(long at) {
    checkRange(at, 8);
    return file.get(U64, at);
  }

  private void checkRange(long at, long bytes) {
    if (at < 0 || at > file.byteSize() - bytes) {
      throw damaged("a zip record at %d reaches beyond its %d bytes", at, file.byteSize());
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // its annotation would be a dependency
  private CheckpointException damaged(String problem, Object... arguments) {
    return new CheckpointException(
        source
            + " is not a sound .pth file: "
            + PickleValue.onOneLine(problem.formatted(arguments)));
  }
}
