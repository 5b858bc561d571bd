package dev.fovea.converter;

import dev.fovea.CheckpointException;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.DType;
import dev.fovea.checkpoint.OutputPath;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.converter.PickleValue.Dict;
import dev.fovea.converter.PickleValue.Storage;
import dev.fovea.converter.PickleValue.Tensor;
import dev.fovea.converter.PickleValue.Text;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The weights in a {@code .pth} file as torch.save writes it: a zip of stored entries with a pickle
 * that says which tensor views which of them. Nothing in the file is executed.
 *
 * <p>Tensors keep the names of the state_dict. One that is wrapped, as training code does, is
 * unwrapped: the dictionary under "model", "state_dict" or "teacher" is taken if it holds tensors.
 * Tensors of integers are listed but cannot be read.
 */
public final class PthCheckpoint implements Checkpoint {

  /** Keys that training code puts a state_dict under, in the order in which they are tried. */
  private static final List<String> WRAPPERS = List.of("model", "state_dict", "teacher");

  private static final int MAX_WRAPPERS = 4;

  private static final String RESAVE =
      "; load it in PyTorch and save it again: torch.save(torch.load(old%s), new)";

  /** PyTorch reads the tar format only with code that executes what the file says. */
  private static final String TRUSTED = ", weights_only=False";

  /** First bytes of a file by torch.save before 1.6: a pickle of 0x1950a86a20f9469cfc6c. */
  private static final byte[] LEGACY_MAGIC = {
    (byte) 0x80,
    0x02,
    (byte) 0x8a,
    0x0a,
    0x6c,
    (byte) 0xfc,
    (byte) 0x9c,
    0x46,
    (byte) 0xf9,
    0x20,
    0x6a,
    (byte) 0xa8,
    0x50,
    0x19
  };

  private static final byte[] ZIP_MAGIC = {'P', 'K', 3, 4};
  private static final byte[] TAR_MAGIC = {'u', 's', 't', 'a', 'r'};
  private static final int TAR_MAGIC_OFFSET = 257;

  private final String source;
  private final Runnable unmap;
  private final Map<String, View> views = new HashMap<>();
  private final SortedMap<String, TensorInfo> tensors = new TreeMap<>();
  private volatile boolean closed;

  /** A tensor in its storage; strides and offset are in elements. */
  private record View(TensorInfo info, MemorySegment storage, long offset, List<Long> strides) {

    /** Whether row-major order is the order in the file. */
    boolean contiguous() {
      long expected = 1;
      for (int i = strides.size() - 1; i >= 0; i--) {
        long size = info.shape().get(i);
        if (size != 1 && strides.get(i) != expected) {
          return false;
        }
        expected *= size;
      }
      return true;
    }
  }

  private PthCheckpoint(MemorySegment file, String source, Runnable unmap) {
    this.source = source;
    this.unmap = unmap;
    checkKind(file);
    StoredZip zip = StoredZip.parse(file, source);
    checkByteOrder(zip);
    Map<String, PickleValue> state = stateDict(readPickle(zip));
    Map<String, Storage> storages = new HashMap<>();
    state.forEach(
        (name, value) -> {
          if (!(value instanceof Tensor tensor)) {
            throw failure(
                "the entry '%s' is %s, not a tensor; save only the weights:"
                    + " torch.save(model.state_dict(), path)",
                name, value.describe());
          }
          Storage storage = tensor.storage();
          if (!storage.equals(storages.computeIfAbsent(storage.key(), key -> storage))) {
            throw failure("tensor '%s' reads its storage as another type or size", name);
          }
          add(name, tensor, content(zip, name, storage));
        });
  }

  /**
   * Opens a file and checks everything but the numbers.
   *
   * @throws CheckpointException if it cannot be read, is damaged, is in a format older than PyTorch
   *     1.6, or holds something else than weights
   */
  public static PthCheckpoint open(Path file) {
    Objects.requireNonNull(file, "file");
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment bytes = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      PthCheckpoint checkpoint = parse(bytes, file.toString(), arena::close);
      arena = null;
      return checkpoint;
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + OutputPath.reason(e), e);
    } finally {
      if (arena != null) {
        arena.close();
      }
    }
  }

  /** Reads a file that is in memory; {@code unmap} runs when the checkpoint is closed. */
  static PthCheckpoint parse(MemorySegment file, String source, Runnable unmap) {
    try {
      return new PthCheckpoint(file, source, unmap);
    } catch (InternalError e) {
      throw vanished(source, e);
    }
  }

  /** Whether a file's first bytes are those of some generation of torch.save. */
  static boolean recognises(byte[] start) {
    return startsWith(start, ZIP_MAGIC) || startsWith(start, LEGACY_MAGIC) || isTar(start);
  }

  @Override
  public String source() {
    return source;
  }

  @Override
  public SortedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSortedMap(tensors);
  }

  /** Empty: these files have none. */
  @Override
  public Map<String, String> metadata() {
    return Map.of();
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    TensorInfo info = tensor(name);
    info.checkRun(first, target, offset, count);
    if (closed) {
      throw closedAlready(null);
    }
    View view = views.get(name);
    DType dtype = dtype(info);
    if (count == 0) {
      return;
    }
    try {
      if (view.contiguous()) {
        long at = (view.offset() + first) * dtype.bytes();
        dtype.decodeMapped(view.storage(), at, target, offset, count);
      } else {
        gather(view, dtype, first, target, offset, count);
      }
    } catch (ArithmeticException e) {
      throw failure("tensor '%s': %s", name, e.getMessage());
    } catch (InternalError e) {
      throw vanished(source, e);
    } catch (IllegalStateException e) { // closed by another thread just now
      throw closedAlready(e);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      unmap.run();
    }
  }

  private void checkKind(MemorySegment file) {
    byte[] start = file.asSlice(0, Math.min(file.byteSize(), 512)).toArray(ValueLayout.JAVA_BYTE);
    if (startsWith(start, LEGACY_MAGIC)) {
      throw failure("it is in the format of PyTorch before 1.6" + RESAVE.formatted(""));
    }
    if (isTar(start)) {
      throw failure(
          "it is in the tar format of PyTorch before 0.1.10"
              + RESAVE.formatted(TRUSTED)
              + ", if you trust who made it");
    }
    if (!startsWith(start, ZIP_MAGIC)) {
      throw failure(
          "it is no zip file, which torch.save writes; is it a web page, or another format?");
    }
  }

  private static boolean startsWith(byte[] bytes, byte[] magic) {
    return bytes.length >= magic.length
        && Arrays.equals(bytes, 0, magic.length, magic, 0, magic.length);
  }

  private static boolean isTar(byte[] bytes) {
    int end = TAR_MAGIC_OFFSET + TAR_MAGIC.length;
    return bytes.length >= end
        && Arrays.equals(bytes, TAR_MAGIC_OFFSET, end, TAR_MAGIC, 0, TAR_MAGIC.length);
  }

  private void checkByteOrder(StoredZip zip) {
    StoredZip.Entry entry = zip.entries().get("byteorder");
    if (entry == null) {
      return;
    }
    boolean little =
        entry.size() == 6
            && new String(
                    zip.content(entry).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII)
                .equals("little");
    if (!little) {
      throw failure("its numbers are not little-endian; save it again on a little-endian machine");
    }
  }

  private PickleValue readPickle(StoredZip zip) {
    StoredZip.Entry entry = zip.entries().get("data.pkl");
    if (zip.entries().containsKey("constants.pkl")) {
      throw failure(
          "it is a TorchScript program; save its weights:"
              + " torch.save(torch.jit.load(old).state_dict(), new)");
    }
    if (entry == null) {
      throw failure("it has no entry data.pkl, so torch.save has not written it");
    }
    if (entry.size() > Pickle.MAX_BYTES) {
      throw failure("data.pkl has %d bytes; at most %d are read", entry.size(), Pickle.MAX_BYTES);
    }
    return Pickle.parse(zip.content(entry).toArray(ValueLayout.JAVA_BYTE), source);
  }

  /** Finds the dictionary of tensors, inside wrappers or not. */
  private Map<String, PickleValue> stateDict(PickleValue root) {
    PickleValue value = unwrapped(root, MAX_WRAPPERS).orElse(root);
    if (!(value instanceof Dict dict) || !holdsTensors(dict)) {
      throw failure("it holds %s, but no dictionary of tensors", contents(value));
    }
    Map<String, PickleValue> state = new TreeMap<>();
    dict.entries()
        .forEach(
            (key, tensor) -> {
              if (!(key instanceof Text(String name))) {
                throw failure("a tensor's name is %s, not a text", key.describe());
              }
              state.put(name, tensor);
            });
    return state;
  }

  /** What is under the first of the wrappers' keys that leads to tensors, else the value itself. */
  private static Optional<PickleValue> unwrapped(PickleValue value, int deepest) {
    if (!(value instanceof Dict dict)) {
      return Optional.empty();
    }
    if (deepest > 0) {
      for (String key : WRAPPERS) {
        PickleValue wrapped = dict.entries().get(new Text(key));
        Optional<PickleValue> found = unwrapped(wrapped, deepest - 1);
        if (found.isPresent()) {
          return found;
        }
      }
    }
    return holdsTensors(dict) ? Optional.of(dict) : Optional.empty();
  }

  private static boolean holdsTensors(Dict dict) {
    return dict.entries().values().stream().anyMatch(Tensor.class::isInstance);
  }

  private static String contents(PickleValue value) {
    if (value instanceof Dict dict && !dict.entries().isEmpty()) {
      return dict.entries().keySet().stream()
          .limit(8)
          .map(PickleValue::describe)
          .collect(Collectors.joining(", ", "a dictionary with the keys ", ""));
    }
    return value.describe();
  }

  private MemorySegment content(StoredZip zip, String tensor, Storage storage) {
    StoredZip.Entry entry = zip.entries().get("data/" + storage.key());
    if (entry == null) {
      throw failure("tensor '%s' is in the entry data/%s, which is missing", tensor, storage.key());
    }
    int bytes = storage.type().elementBytes();
    if (entry.size() % bytes != 0 || entry.size() / bytes != storage.elements()) {
      throw failure(
          "tensor '%s': the entry data/%s should have %d elements of %d bytes, but has %d bytes",
          tensor, storage.key(), storage.elements(), bytes, entry.size());
    }
    return zip.content(entry);
  }

  private void add(String name, Tensor tensor, MemorySegment storage) {
    TensorInfo info = new TensorInfo(name, tensor.storage().type().dtype(), tensor.shape());
    tensors.put(name, info);
    views.put(name, new View(info, storage, tensor.offset(), tensor.strides()));
  }

  private DType dtype(TensorInfo info) {
    return DType.find(info.dtype())
        .orElseThrow(
            () ->
                failure(
                    "tensor '%s' has the element type %s; weights are one of %s",
                    info.name(), info.dtype(), Arrays.toString(DType.values())));
  }

  /** Walks the tensor in row-major order, whatever the order in the file. */
  private static void gather(
      View view, DType dtype, long first, float[] target, int offset, int count) {
    long[] shape = view.info().shape().stream().mapToLong(Long::longValue).toArray();
    long[] strides = view.strides().stream().mapToLong(Long::longValue).toArray();
    long[] index = new long[shape.length];
    long at = view.offset();
    long rest = first;
    for (int i = shape.length - 1; i >= 0; i--) {
      index[i] = rest % shape[i];
      rest /= shape[i];
      at += index[i] * strides[i];
    }
    for (int n = 0; n < count; n++) {
      dtype.decodeMapped(view.storage(), at * dtype.bytes(), target, offset + n, 1);
      for (int i = shape.length - 1; i >= 0; i--) {
        at += strides[i];
        if (++index[i] < shape[i]) {
          break;
        }
        at -= shape[i] * strides[i];
        index[i] = 0;
      }
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // its annotation would be a dependency
  private CheckpointException failure(String problem, Object... arguments) {
    return new CheckpointException(
        "cannot read weights from "
            + source
            + ": "
            + PickleValue.onOneLine(problem.formatted(arguments)));
  }

  private IllegalStateException closedAlready(IllegalStateException cause) {
    return new IllegalStateException(source + " is closed: read before close()", cause);
  }

  private static CheckpointException vanished(String source, InternalError cause) {
    return new CheckpointException(
        source + " was cut off or became unreadable while it was being read", cause);
  }
}
