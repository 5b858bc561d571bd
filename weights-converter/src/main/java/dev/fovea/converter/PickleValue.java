package dev.fovea.converter;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a pickled checkpoint is made of. Data only: nothing here runs code of the file, and a value
 * that is not one of these cannot come out of it.
 *
 * <p>Containers may hold each other in any depth (and lists themselves), so nothing walks them
 * recursively: {@link #describe} names a value without looking inside.
 */
sealed interface PickleValue {

  /** A few words for messages: "a tensor", "the text 'cpu'". */
  String describe();

  /** A message that quotes a file, without the control characters that the file may have. */
  static String onOneLine(String message) {
    return message.replaceAll("\\p{Cntrl}", "?");
  }

  /** Python's None. */
  enum None implements PickleValue {
    /** The only one. */
    NONE;

    @Override
    public String describe() {
      return "None";
    }
  }

  /** A truth value. */
  record Bool(boolean value) implements PickleValue {
    @Override
    public String describe() {
      return value ? "True" : "False";
    }
  }

  /** An integer of up to 64 bits. Comparable for the same reason as {@link Text}. */
  record Int(long value) implements PickleValue, Comparable<Int> {
    @Override
    public int compareTo(Int other) {
      return Long.compare(value, other.value);
    }

    @Override
    public String describe() {
      return "the number " + value;
    }
  }

  /** A floating-point number. */
  record Real(double value) implements PickleValue {
    @Override
    public String describe() {
      return "the number " + value;
    }
  }

  /**
   * A string. Comparable because strings with equal hash codes are easily made: a hash table of
   * comparable keys stays fast when all of them collide.
   */
  record Text(String value) implements PickleValue, Comparable<Text> {
    @Override
    public int compareTo(Text other) {
      return value.compareTo(other.value);
    }

    @Override
    public String describe() {
      return "the text '" + (value.length() <= 80 ? value : value.substring(0, 80) + "...") + "'";
    }
  }

  /** A tuple, or a torch.Size. */
  record Tuple(List<PickleValue> items) implements PickleValue {
    @Override
    public String describe() {
      return "a tuple of " + items.size();
    }
  }

  /** A list, or a set, which checkpoints only ever have empty. */
  final class Items implements PickleValue {
    private final List<PickleValue> items = new ArrayList<>();

    void add(PickleValue item) {
      items.add(item);
    }

    @Override
    public String describe() {
      return "a list of " + items.size();
    }
  }

  /** A dict, or an OrderedDict. */
  final class Dict implements PickleValue {
    private final Map<PickleValue, PickleValue> entries = new LinkedHashMap<>();
    private final boolean ordered;

    Dict(boolean ordered) {
      this.ordered = ordered;
    }

    /** Whether it is an OrderedDict, which may carry attributes; a plain dict has none. */
    boolean ordered() {
      return ordered;
    }

    /** By key, in the order of the file; keys are scalars. */
    Map<PickleValue, PickleValue> entries() {
      return entries;
    }

    @Override
    public String describe() {
      return "a dictionary of " + entries.size();
    }
  }

  /** A run of elements in an entry of its own, "data/KEY". */
  record Storage(Global type, String key, long elements) implements PickleValue {
    @Override
    public String describe() {
      return "the storage " + key;
    }
  }

  /**
   * A view of a storage; every element lies inside.
   *
   * @param offset of the first element, in elements
   * @param shape sizes, outermost first
   * @param strides steps in elements from one index to the next, for each dimension
   */
  record Tensor(Storage storage, long offset, List<Long> shape, List<Long> strides)
      implements PickleValue {
    @Override
    public String describe() {
      return "a tensor";
    }
  }

  /** The closed list of names that a pickle may mention: what weights are made of. */
  enum Global implements PickleValue {
    /** Python's ordered dictionary: a state_dict. */
    ORDERED_DICT("collections OrderedDict"),
    /** Makes a tensor of a storage, an offset, a shape and strides. */
    REBUILD_TENSOR("torch._utils _rebuild_tensor_v2"),
    /** Wraps a tensor as a parameter. */
    REBUILD_PARAMETER("torch._utils _rebuild_parameter"),
    /** A shape. */
    SIZE("torch Size"),
    /** Where a tensor used to live. */
    DEVICE("torch device"),
    /** Storage of float32. */
    FLOAT_STORAGE("torch FloatStorage", "F32", 4),
    /** Storage of float16. */
    HALF_STORAGE("torch HalfStorage", "F16", 2),
    /** Storage of bfloat16. */
    BFLOAT16_STORAGE("torch BFloat16Storage", "BF16", 2),
    /** Storage of float64. */
    DOUBLE_STORAGE("torch DoubleStorage", "F64", 8),
    /** Storage of 64-bit integers. */
    LONG_STORAGE("torch LongStorage", "I64", 8),
    /** Storage of 32-bit integers. */
    INT_STORAGE("torch IntStorage", "I32", 4),
    /** Storage of 16-bit integers. */
    SHORT_STORAGE("torch ShortStorage", "I16", 2),
    /** Storage of signed bytes. */
    CHAR_STORAGE("torch CharStorage", "I8", 1),
    /** Storage of unsigned bytes. */
    BYTE_STORAGE("torch ByteStorage", "U8", 1),
    /** Storage of truth values. */
    BOOL_STORAGE("torch BoolStorage", "BOOL", 1),
    /** An element type by itself, as some checkpoints note beside their weights. */
    FLOAT32("torch float32"),
    /** Likewise. */
    FLOAT16("torch float16"),
    /** Likewise. */
    BFLOAT16("torch bfloat16"),
    /** Likewise. */
    FLOAT64("torch float64"),
    /** Likewise. */
    INT64("torch int64"),
    /** Likewise. */
    INT32("torch int32"),
    /** Likewise. */
    INT16("torch int16"),
    /** Likewise. */
    INT8("torch int8"),
    /** Likewise. */
    UINT8("torch uint8"),
    /** Likewise. */
    BOOL("torch bool");

    private final String path;
    private final String dtype;
    private final int elementBytes;

    Global(String path) {
      this(path, null, 0);
    }

    Global(String path, String dtype, int elementBytes) {
      this.path = path;
      this.dtype = dtype;
      this.elementBytes = elementBytes;
    }

    /** Module and name with a space between, as the pickle has them on two lines. */
    String path() {
      return path;
    }

    boolean isStorage() {
      return dtype != null;
    }

    /** Element type of a storage, by its safetensors name; null for anything else. */
    String dtype() {
      return dtype;
    }

    /** Bytes of an element of a storage; 0 for anything else. */
    int elementBytes() {
      return elementBytes;
    }

    @Override
    public String describe() {
      return "the name " + path.replace(' ', '.');
    }
  }
}
