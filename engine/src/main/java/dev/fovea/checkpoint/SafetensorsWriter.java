package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import dev.fovea.ProgressListener;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes safetensors files, of any size in little memory. A file appears under its name complete
 * and on disk, or not at all: it is written beside the target as {@code .NAME.RANDOM.partial},
 * synced and renamed. After a kill such a partial file is all that can be left over.
 */
public final class SafetensorsWriter {

  /** Where the elements of the tensors come from. */
  @FunctionalInterface
  public interface Source {
    /**
     * Delivers a run of elements; called for each tensor from its first element to its last.
     *
     * @param name of the tensor
     * @param first index of the run's first element, in row-major order
     * @param target receives {@code count} elements from {@code offset} on
     */
    void read(String name, long first, float[] target, int offset, int count);
  }

  /** Elements converted at a time. */
  private static final int CHUNK = 1 << 18;

  private final Path target;
  private final List<TensorInfo> tensors;
  private final Source source;
  private final ProgressListener listener;
  private final long total;
  private long done;
  private long reported;

  private SafetensorsWriter(
      Path target, List<TensorInfo> tensors, Source source, ProgressListener listener) {
    this.target = target;
    this.tensors = tensors;
    this.source = source;
    this.listener = listener;
    this.total = tensors.stream().mapToLong(SafetensorsWriter::bytes).sum();
  }

  /**
   * Writes a file, replacing what has the target's name only once everything is on disk.
   *
   * @param tensors of dtype F32, F16, BF16 or F64, with different names; values are rounded to
   *     nearest, ties to even
   * @param metadata goes under {@code __metadata__}
   * @throws CheckpointException if the file cannot be written, or a finite value is too large for
   *     its tensor's type; the target is then as it was before
   * @throws IllegalArgumentException if names repeat or a dtype cannot be written
   */
  public static void write(
      Path target,
      List<TensorInfo> tensors,
      Map<String, String> metadata,
      Source source,
      ProgressListener listener) {
    List<TensorInfo> ordered = new ArrayList<>(tensors);
    // As the official writer does: large elements first keeps every tensor aligned to its type.
    ordered.sort(
        Comparator.comparingInt((TensorInfo info) -> -dtype(info).bytes())
            .thenComparing(TensorInfo::name));
    byte[] header = header(ordered, metadata);
    new SafetensorsWriter(target, ordered, source, listener).write(header);
  }

  /**
   * Writes tensors that are in memory.
   *
   * @param tensors the elements of each, in row-major order
   * @throws CheckpointException if the file cannot be written, or a finite value is too large for
   *     its tensor's type; the target is then as it was before
   * @throws IllegalArgumentException if names repeat, a dtype cannot be written, or an array is not
   *     as long as its shape says
   */
  public static void write(Path target, Map<TensorInfo, float[]> tensors) {
    Map<String, float[]> values = new TreeMap<>();
    tensors.forEach(
        (info, array) -> {
          if (info.elements() != array.length) {
            throw new IllegalArgumentException(
                String.format(
                    "tensor %s of shape %s has %d elements, got an array of %d",
                    Quoted.of(info.name()), info.shape(), info.elements(), array.length));
          }
          values.put(info.name(), array);
        });
    write(
        target,
        List.copyOf(tensors.keySet()),
        Map.of("format", "pt"),
        (name, first, chunk, offset, count) ->
            System.arraycopy(values.get(name), (int) first, chunk, offset, count),
        ProgressListener.NONE);
  }

  private static byte[] header(List<TensorInfo> tensors, Map<String, String> metadata) {
    Map<String, Object> header = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      header.put("__metadata__", new TreeMap<>(metadata));
    }
    long at = 0;
    for (TensorInfo info : tensors) {
      long end = Math.addExact(at, bytes(info));
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", info.dtype());
      entry.put("shape", info.shape());
      entry.put("data_offsets", List.of(at, end));
      if (info.name().equals("__metadata__") || header.put(info.name(), entry) != null) {
        throw new IllegalArgumentException("two tensors " + Quoted.of(info.name()));
      }
      at = end;
    }
    byte[] json = Json.write(header).getBytes(StandardCharsets.UTF_8);
    int padded = Math.ceilDiv(json.length, 8) * 8;
    ByteBuffer buffer = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(padded).put(json);
    while (buffer.hasRemaining()) {
      buffer.put((byte) ' ');
    }
    return buffer.array();
  }

  private static long bytes(TensorInfo info) {
    return Math.multiplyExact(info.elements(), (long) dtype(info).bytes());
  }

  private static DType dtype(TensorInfo info) {
    return DType.find(info.dtype())
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "tensor " + Quoted.of(info.name()) + ": cannot write dtype " + info.dtype()));
  }

  private void write(byte[] header) {
    try (AtomicFile file = AtomicFile.create(target)) {
      file.write(ByteBuffer.wrap(header));
      ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK * Long.BYTES);
      float[] values = new float[CHUNK];
      for (TensorInfo info : tensors) {
        writeTensor(file, info, values, buffer);
      }
      file.commit();
    } catch (IOException e) {
      throw new CheckpointException("cannot write " + target + ": " + OutputPath.reason(e), e);
    }
    listener.progress(task(), total, total);
  }

  private void writeTensor(AtomicFile file, TensorInfo info, float[] values, ByteBuffer buffer)
      throws IOException {
    DType dtype = dtype(info);
    long elements = info.elements();
    for (long first = 0; first < elements; first += CHUNK) {
      int count = (int) Math.min(CHUNK, elements - first);
      source.read(info.name(), first, values, 0, count);
      buffer.clear().limit(count * dtype.bytes());
      try {
        dtype.encode(values, 0, MemorySegment.ofBuffer(buffer), 0, count);
      } catch (ArithmeticException e) {
        throw new CheckpointException(
            "cannot write tensor "
                + Quoted.of(info.name())
                + ": "
                + e.getMessage()
                + "; write this model as F32",
            e);
      }
      file.write(buffer);
      report((long) count * dtype.bytes());
    }
  }

  private void report(long bytes) {
    done += bytes;
    if (done - reported > total / 100) {
      reported = done;
      listener.progress(task(), done, total);
    }
  }

  private String task() {
    return "writing " + target.getFileName();
  }
}
