package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One safetensors file. Of a file on disk, only what is being read is mapped into memory: pages of
 * a mapping count as the process's memory, and a whole model's would double it while it is packed.
 */
final class SafetensorsFile implements Checkpoint {

  /** Bytes that are mapped at a time: much more than a system call costs, little memory. */
  private static final int WINDOW = 4 << 20;

  /** Gives access to a part of the file for as long as the arena lives. */
  private interface Windows {
    MemorySegment open(long at, long bytes, Arena arena) throws IOException;
  }

  private final String source;
  private final Windows windows;
  private final SafetensorsHeader header;
  private final SortedMap<String, TensorInfo> tensors;
  private final Closeable release;
  private final AtomicBoolean closed = new AtomicBoolean();

  private SafetensorsFile(
      String source, SafetensorsHeader header, Windows windows, Closeable release) {
    this.source = source;
    this.windows = windows;
    this.header = header;
    SortedMap<String, TensorInfo> infos = new TreeMap<>();
    header.tensors().forEach((name, location) -> infos.put(name, location.info()));
    this.tensors = Collections.unmodifiableSortedMap(infos);
    this.release = release;
  }

  /** A file that is in memory. */
  static SafetensorsFile of(MemorySegment file, String source) {
    SafetensorsHeader header = SafetensorsHeader.parse(file, source);
    return new SafetensorsFile(
        source, header, (at, bytes, arena) -> file.asSlice(at, bytes), () -> {});
  }

  /** Opens a file; however large, only what is read of it comes into memory. */
  static SafetensorsFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new CheckpointException(
          "cannot read " + path + ": " + (Files.exists(path) ? "not a file" : "no such file"));
    }
    try {
      return open(FileChannel.open(path, StandardOpenOption.READ), path.toString());
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + path + ": " + OutputPath.reason(e), e);
    } catch (InternalError e) {
      throw lost(path.toString(), e);
    }
  }

  private static SafetensorsFile open(FileChannel channel, String source) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      SafetensorsHeader header = SafetensorsHeader.parse(file, source);
      Windows windows = (at, bytes, part) -> channel.map(MapMode.READ_ONLY, at, bytes, part);
      return new SafetensorsFile(source, header, windows, channel);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public String source() {
    return source;
  }

  @Override
  public SortedMap<String, TensorInfo> tensors() {
    return tensors;
  }

  @Override
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** Bytes of all tensors. */
  long dataBytes() {
    return header.tensors().values().stream().mapToLong(at -> at.end() - at.begin()).sum();
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    TensorInfo info = tensor(name);
    info.checkRun(first, target, offset, count);
    if (closed.get()) {
      throw closedAlready(null);
    }
    DType dtype = readable(info);
    long at = header.tensors().get(name).begin() + first * dtype.bytes();
    int most = WINDOW / dtype.bytes();
    for (int done = 0; done < count; done += most) {
      int now = Math.min(most, count - done);
      try {
        read(dtype, at + (long) done * dtype.bytes(), target, offset + done, now);
      } catch (ArithmeticException e) {
        throw new CheckpointException(
            source + ", tensor " + Quoted.of(name) + ": " + e.getMessage(), e);
      }
    }
  }

  private void read(DType dtype, long at, float[] target, int offset, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment window = windows.open(at, (long) count * dtype.bytes(), arena);
      dtype.decodeMapped(window, 0, target, offset, count);
    } catch (ClosedChannelException e) { // by another thread just now, or by an interrupt
      if (closed.get()) {
        throw closedAlready(e);
      }
      throw new CheckpointException(source + ": reading it was interrupted", e);
    } catch (IOException | InternalError e) {
      throw lost(source, e);
    }
  }

  private DType readable(TensorInfo info) {
    return DType.find(info.dtype())
        .orElseThrow(
            () ->
                new CheckpointException(
                    source
                        + ", tensor "
                        + Quoted.of(info.name())
                        + ": expected elements of F32, F16, BF16 or F64, got "
                        + info.dtype()));
  }

  private IllegalStateException closedAlready(ClosedChannelException cause) {
    return new IllegalStateException(source + " is closed: read before close()", cause);
  }

  private static CheckpointException lost(String source, Throwable cause) {
    return new CheckpointException(
        source + ": the file was truncated or its disk failed while it was being read", cause);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        release.close();
      } catch (IOException e) {
        throw new CheckpointException("cannot close " + source + ": " + OutputPath.reason(e), e);
      }
    }
  }
}
