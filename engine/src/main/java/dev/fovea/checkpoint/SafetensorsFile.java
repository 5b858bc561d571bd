package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** One safetensors file, in memory or mapped into it. */
final class SafetensorsFile implements Checkpoint {

  private final String source;
  private final MemorySegment file;
  private final SafetensorsHeader header;
  private final SortedMap<String, TensorInfo> tensors;
  private final Runnable release;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * A file that is in memory.
   *
   * @param release called once, on close
   */
  SafetensorsFile(MemorySegment file, String source, Runnable release) {
    this.source = source;
    this.file = file;
    this.header = SafetensorsHeader.parse(file, source);
    SortedMap<String, TensorInfo> infos = new TreeMap<>();
    header.tensors().forEach((name, location) -> infos.put(name, location.info()));
    this.tensors = Collections.unmodifiableSortedMap(infos);
    this.release = release;
  }

  /** Maps a file; however large, only what is read of it comes into memory. */
  static SafetensorsFile map(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new CheckpointException(
          "cannot read " + path + ": " + (Files.exists(path) ? "not a file" : "no such file"));
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new SafetensorsFile(file, path.toString(), arena::close);
    } catch (IOException e) {
      arena.close();
      throw new CheckpointException("cannot read " + path + ": " + OutputPath.reason(e), e);
    } catch (InternalError e) {
      arena.close();
      throw lost(path.toString(), e);
    } catch (RuntimeException | Error e) {
      arena.close();
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
    long begin = header.tensors().get(name).begin();
    try {
      dtype.decodeMapped(file, begin + first * dtype.bytes(), target, offset, count);
    } catch (InternalError e) {
      throw lost(source, e);
    } catch (IllegalStateException e) { // closed by another thread just now
      throw closedAlready(e);
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

  private IllegalStateException closedAlready(IllegalStateException cause) {
    return new IllegalStateException(source + " is closed: read before close()", cause);
  }

  private static CheckpointException lost(String source, InternalError cause) {
    return new CheckpointException(
        source + ": the file was truncated or its disk failed while it was being read", cause);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      release.run();
    }
  }
}
