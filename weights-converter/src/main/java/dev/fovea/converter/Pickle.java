package dev.fovea.converter;

import dev.fovea.CheckpointException;
import dev.fovea.converter.PickleValue.Bool;
import dev.fovea.converter.PickleValue.Dict;
import dev.fovea.converter.PickleValue.Global;
import dev.fovea.converter.PickleValue.Int;
import dev.fovea.converter.PickleValue.Items;
import dev.fovea.converter.PickleValue.None;
import dev.fovea.converter.PickleValue.Real;
import dev.fovea.converter.PickleValue.Storage;
import dev.fovea.converter.PickleValue.Tensor;
import dev.fovea.converter.PickleValue.Text;
import dev.fovea.converter.PickleValue.Tuple;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Reads the {@code data.pkl} of a checkpoint as data. A pickle is a program for a stack machine
 * that may call anything in Python; this machine has only the instructions and only the names that
 * torch.save uses for weights, and turns them into {@link PickleValue}s. Everything else is
 * refused, so a hostile file gets nothing but an exception.
 *
 * <p>Instructions, size and nesting are bounded, far above what a checkpoint of 40 blocks needs;
 * memory is bounded with them, because an instruction makes at most one small object.
 *
 * <p>Source: CPython's Lib/pickletools.py for the instructions, protocol 2.
 */
final class Pickle {

  /** The longest pickle that is read; that of ViT-g has about 50 KB. */
  static final int MAX_BYTES = 16 << 20;

  /** The most instructions that are executed; ViT-g needs about 25,000. */
  static final int MAX_INSTRUCTIONS = 1_000_000;

  /** How deep containers under construction may nest. */
  static final int MAX_MARKS = 64;

  private static final int MAX_TEXT_BYTES = 1 << 16;
  private static final int MAX_NAME_BYTES = 128;
  private static final int MAX_DIMENSIONS = 8;

  private static final Map<String, Global> GLOBALS =
      Arrays.stream(Global.values()).collect(Collectors.toMap(Global::path, Function.identity()));

  private final ByteBuffer code;
  private final String source;
  private final List<PickleValue> stack = new ArrayList<>();
  private final Deque<Integer> marks = new ArrayDeque<>();
  private final Map<Integer, PickleValue> memo = new HashMap<>();
  private boolean stopped;

  private Pickle(byte[] bytes, String source) {
    this.code = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.source = source;
  }

  /**
   * Runs a pickle and returns what it makes.
   *
   * @param bytes the pickle, and nothing behind it
   * @param source what to call it in messages
   * @throws CheckpointException if it is damaged, too large, or asks for anything that weights are
   *     not made of
   */
  static PickleValue parse(byte[] bytes, String source) {
    return new Pickle(bytes, source).run();
  }

  private PickleValue run() {
    if (code.limit() > MAX_BYTES) {
      throw refused("has %d bytes; at most %d are read", code.limit(), MAX_BYTES);
    }
    if (code.limit() < 2 || nextByte() != 0x80 || nextByte() != 2) {
      throw refused("does not begin as a pickle of protocol 2, which torch.save writes by default");
    }
    for (int count = 0; !stopped; count++) {
      if (count == MAX_INSTRUCTIONS) {
        throw refused("has more than %d instructions", MAX_INSTRUCTIONS);
      }
      step(nextByte());
    }
    if (stack.size() != 1 || !marks.isEmpty() || code.hasRemaining()) {
      throw refused("does not end with exactly one value");
    }
    return stack.getFirst();
  }

  private void step(int opcode) {
    switch (opcode) {
      case '.' -> stopped = true; // STOP
      case '(' -> mark(); // MARK
      case 'N' -> push(None.NONE); // NONE
      case 0x88 -> push(new Bool(true)); // NEWTRUE
      case 0x89 -> push(new Bool(false)); // NEWFALSE
      case 'J' -> push(new Int(nextInt())); // BININT
      case 'K' -> push(new Int(nextByte())); // BININT1
      case 'M' -> push(new Int(nextByte() | nextByte() << 8)); // BININT2
      case 0x8a -> push(new Int(nextLong(nextByte()))); // LONG1
      case 'G' -> push(new Real(nextDouble())); // BINFLOAT
      case 'X' -> push(new Text(nextText(nextInt(), MAX_TEXT_BYTES))); // BINUNICODE
      case 'U' -> push(new Text(nextText(nextByte(), MAX_TEXT_BYTES))); // SHORT_BINSTRING
      case '}' -> push(new Dict(false)); // EMPTY_DICT
      case ']', 0x8f -> push(new Items()); // EMPTY_LIST, EMPTY_SET
      case ')' -> push(new Tuple(List.of())); // EMPTY_TUPLE
      case 't' -> push(new Tuple(popMarked())); // TUPLE
      case 0x85 -> push(new Tuple(pop(1))); // TUPLE1
      case 0x86 -> push(new Tuple(pop(2))); // TUPLE2
      case 0x87 -> push(new Tuple(pop(3))); // TUPLE3
      case 'a' -> append(pop(1)); // APPEND
      case 'e' -> append(popMarked()); // APPENDS
      case 's' -> setItems(pop(2)); // SETITEM
      case 'u' -> setItems(popMarked()); // SETITEMS
      case 'h' -> recall(nextByte()); // BINGET
      case 'j' -> recall(nextInt()); // LONG_BINGET
      case 'q' -> memo.put(nextByte(), peek()); // BINPUT
      case 'r' -> memo.put(nextInt(), peek()); // LONG_BINPUT
      case 'c' -> push(global(nextLine(), nextLine())); // GLOBAL
      case 'Q' -> push(storage(pop())); // BINPERSID
      case 'R', 0x81 -> call(); // REDUCE, NEWOBJ
      case 'b' -> setAttributes(); // BUILD
      default -> throw refused("has instruction 0x%02x, which weights have no use for", opcode);
    }
  }

  private void mark() {
    if (marks.size() == MAX_MARKS) {
      throw refused("nests containers more than %d deep", MAX_MARKS);
    }
    marks.push(stack.size());
  }

  private void push(PickleValue value) {
    stack.add(value);
  }

  private PickleValue peek() {
    if (stack.size() <= floor()) {
      throw refused("uses a value that is not there");
    }
    return stack.getLast();
  }

  private PickleValue pop() {
    PickleValue value = peek();
    stack.removeLast();
    return value;
  }

  private List<PickleValue> pop(int count) {
    int from = stack.size() - count;
    if (from < floor()) {
      throw refused("uses a value that is not there");
    }
    return popFrom(from);
  }

  private List<PickleValue> popMarked() {
    if (marks.isEmpty()) {
      throw refused("ends a container that was not begun");
    }
    return popFrom(marks.pop());
  }

  private List<PickleValue> popFrom(int from) {
    List<PickleValue> top = stack.subList(from, stack.size());
    List<PickleValue> values = List.copyOf(top);
    top.clear();
    return values;
  }

  /** Values below belong to a container under construction further out. */
  private int floor() {
    return marks.isEmpty() ? 0 : marks.peek();
  }

  private void recall(int index) {
    PickleValue value = memo.get(index);
    if (value == null) {
      throw refused("recalls value %d, which was never remembered", index);
    }
    push(value);
  }

  private void append(List<PickleValue> values) {
    if (!(peek() instanceof Items items)) {
      throw refused("appends to %s", peek().describe());
    }
    values.forEach(items::add);
  }

  private void setItems(List<PickleValue> keysAndValues) {
    if (!(peek() instanceof Dict dict)) {
      throw refused("puts an entry into %s", peek().describe());
    }
    if (keysAndValues.size() % 2 != 0) {
      throw refused("has a dictionary key without a value");
    }
    for (int i = 0; i < keysAndValues.size(); i += 2) {
      PickleValue key = keysAndValues.get(i);
      if (!(key instanceof Text || key instanceof Int)) {
        throw refused("has %s as a dictionary key", key.describe());
      }
      if (dict.entries().put(key, keysAndValues.get(i + 1)) != null) {
        throw refused("has a dictionary with %s twice", key.describe());
      }
    }
  }

  private Global global(String module, String name) {
    Global global = GLOBALS.get(module + " " + name);
    if (global == null) {
      throw refused(
          "asks for %s.%s, which is not one of the things that weights are made of; if you trust"
              + " the file, load it in PyTorch and save only the weights:"
              + " torch.save(model.state_dict(), path)",
          module, name);
    }
    return global;
  }

  private Storage storage(PickleValue id) {
    if (id instanceof Tuple(List<PickleValue> parts)
        && parts.size() == 5
        && parts.get(0) instanceof Text(String kind)
        && kind.equals("storage")
        && parts.get(1) instanceof Global type
        && type.isStorage()
        && parts.get(2) instanceof Text(String key)
        && parts.get(3) instanceof Text
        && parts.get(4) instanceof Int(long elements)
        && elements >= 0) {
      return new Storage(type, key, elements);
    }
    throw refused("refers to a storage that is not (\"storage\", type, key, location, elements)");
  }

  private void call() {
    PickleValue arguments = pop();
    PickleValue function = pop();
    if (!(function instanceof Global global) || !(arguments instanceof Tuple(var values))) {
      throw refused("calls %s with %s", function.describe(), arguments.describe());
    }
    PickleValue first = values.isEmpty() ? None.NONE : values.getFirst();
    boolean takes =
        switch (global) {
          case ORDERED_DICT -> values.isEmpty();
          case REBUILD_PARAMETER -> values.size() == 3 && first instanceof Tensor;
          case SIZE -> values.size() == 1 && first instanceof Tuple;
          case REBUILD_TENSOR, DEVICE -> true;
          default -> false;
        };
    if (!takes) {
      throw refused("calls %s with arguments it does not take", global.describe());
    }
    push(
        switch (global) {
          case ORDERED_DICT -> new Dict(true);
          case REBUILD_TENSOR -> tensor(values);
          // Where a tensor used to live matters to nobody: its arguments stand for it.
          case DEVICE -> arguments;
          default -> first;
        });
  }

  /** State_dicts carry the versions of their modules in an attribute; nothing depends on it. */
  private void setAttributes() {
    PickleValue attributes = pop();
    if (!(peek() instanceof Dict dict && dict.ordered()) || !(attributes instanceof Dict)) {
      throw refused("sets attributes of %s to %s", peek().describe(), attributes.describe());
    }
  }

  /** (storage, offset, shape, strides, requires_grad, backward_hooks[, metadata]). */
  private Tensor tensor(List<PickleValue> values) {
    if (values.size() < 6
        || values.size() > 7
        || !(values.get(0) instanceof Storage storage)
        || !(values.get(1) instanceof Int(long offset))
        || !(values.get(2) instanceof Tuple shape)
        || !(values.get(3) instanceof Tuple strides)
        || !(values.get(4) instanceof Bool)
        || !(values.get(5) instanceof Dict || values.get(5) instanceof None)) {
      throw refused("makes a tensor of something else than a storage, offset, shape and strides");
    }
    // Metadata marks a lazy conjugate or negative: the stored values are then not the tensor's.
    boolean plain =
        values.size() == 6
            || values.get(6) instanceof None
            || (values.get(6) instanceof Dict metadata && metadata.entries().isEmpty());
    if (!plain) {
      throw refused("has a tensor that is a lazy view; call .resolve_neg() before saving");
    }
    return checked(new Tensor(storage, offset, sizes(shape), sizes(strides)));
  }

  private List<Long> sizes(Tuple tuple) {
    if (tuple.items().size() > MAX_DIMENSIONS) {
      throw refused("has a tensor of more than %d dimensions", MAX_DIMENSIONS);
    }
    List<Long> sizes = new ArrayList<>();
    for (PickleValue item : tuple.items()) {
      if (!(item instanceof Int(long size)) || size < 0) {
        throw refused("has a tensor with %s as a size or stride", item.describe());
      }
      sizes.add(size);
    }
    return sizes;
  }

  private Tensor checked(Tensor tensor) {
    int dimensions = tensor.shape().size();
    if (tensor.strides().size() != dimensions) {
      throw refused("has a tensor of shape %s with strides %s", tensor.shape(), tensor.strides());
    }
    long stored = tensor.storage().elements();
    try {
      long elements = 1;
      long last = tensor.offset();
      for (int i = 0; i < dimensions; i++) {
        long size = tensor.shape().get(i);
        elements = Math.multiplyExact(elements, size);
        last =
            Math.addExact(last, Math.multiplyExact(Math.max(0, size - 1), tensor.strides().get(i)));
      }
      boolean inside = tensor.offset() >= 0 && (elements == 0 || last < stored);
      // No more elements than are stored: an expanded tensor would make a small file huge.
      if (inside && tensor.offset() <= stored && elements <= stored) {
        return tensor;
      }
    } catch (ArithmeticException e) {
      // Too large for 64 bits is too large for the storage.
    }
    throw refused(
        "has a tensor of shape %s, strides %s and offset %d in a storage of %d elements",
        tensor.shape(), tensor.strides(), tensor.offset(), stored);
  }

  private int nextByte() {
    need(1);
    return Byte.toUnsignedInt(code.get());
  }

  private int nextInt() {
    need(4);
    return code.getInt();
  }

  private double nextDouble() {
    need(8);
    // The one big-endian thing in a pickle.
    return Double.longBitsToDouble(Long.reverseBytes(code.getLong()));
  }

  /** A little-endian two's complement number of so many bytes. */
  private long nextLong(int bytes) {
    if (bytes > Long.BYTES) {
      throw refused("has an integer of %d bytes; at most 8 are read", bytes);
    }
    need(bytes);
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) nextByte() << (8 * i);
    }
    int unused = Long.SIZE - 8 * bytes;
    return bytes == 0 ? 0 : value << unused >> unused;
  }

  private String nextLine() {
    for (int length = 0; length <= MAX_NAME_BYTES && length < code.remaining(); length++) {
      if (code.get(code.position() + length) == '\n') {
        String line = nextText(length, MAX_NAME_BYTES);
        code.get();
        return line;
      }
    }
    throw refused("has a name without an end");
  }

  private String nextText(int bytes, int most) {
    if (bytes < 0 || bytes > most) {
      throw refused(
          "has a text of %d bytes; at most %d are read", Integer.toUnsignedLong(bytes), most);
    }
    need(bytes);
    ByteBuffer text = code.slice(code.position(), bytes);
    code.position(code.position() + bytes);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(text).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(source + ": its pickle has a text that is not UTF-8", e);
    }
  }

  private void need(int bytes) {
    if (code.remaining() < bytes) {
      throw refused("is cut off");
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // its annotation would be a dependency
  private CheckpointException refused(String problem, Object... arguments) {
    return new CheckpointException(
        "%s: its pickle, at byte %d, %s"
            .formatted(
                source, code.position(), PickleValue.onOneLine(problem.formatted(arguments))));
  }
}
