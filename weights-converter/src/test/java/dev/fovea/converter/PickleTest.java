package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.fovea.CheckpointException;
import dev.fovea.converter.PickleValue.Bool;
import dev.fovea.converter.PickleValue.Dict;
import dev.fovea.converter.PickleValue.Global;
import dev.fovea.converter.PickleValue.Int;
import dev.fovea.converter.PickleValue.None;
import dev.fovea.converter.PickleValue.Real;
import dev.fovea.converter.PickleValue.Tensor;
import dev.fovea.converter.PickleValue.Text;
import dev.fovea.converter.PickleValue.Tuple;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PickleTest {

  /** Every instruction that the interpreter knows, by the names of Python's pickletools. */
  private static final Set<Integer> KNOWN =
      Set.of(
          (int) '.', (int) '(', (int) 'N', 0x88, 0x89, (int) 'J', (int) 'K', (int) 'M', 0x8a,
          (int) 'G', (int) 'X', (int) 'U', (int) '}', (int) ']', 0x8f, (int) ')', (int) 't', 0x85,
          0x86, 0x87, (int) 'a', (int) 'e', (int) 's', (int) 'u', (int) 'h', (int) 'j', (int) 'q',
          (int) 'r', (int) 'c', (int) 'Q', (int) 'R', 0x81, (int) 'b');

  private static PickleValue parse(PickleWriter pickle) {
    return Pickle.parse(pickle.stop(), "test");
  }

  private static void assertRefused(PickleWriter pickle, String message) {
    byte[] bytes = pickle.stop();
    assertThatThrownBy(() -> Pickle.parse(bytes, "test"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message);
  }

  @Test
  void scalarsAreReadAsPythonWritesThem() {
    PickleWriter pickle =
        PickleWriter.begin()
            .op('(')
            .op('N')
            .op(0x88)
            .op(0x89)
            .op('K')
            .op(200)
            .op('M')
            .raw((byte) 0x34, (byte) 0xF2)
            .op('J')
            .int32(-5)
            .raw((byte) 0x8a, (byte) 2, (byte) 0x00, (byte) 0x80)
            .raw((byte) 0x8a, (byte) 0)
            .number(Long.MIN_VALUE)
            .raw((byte) 'G', (byte) 0x3F, (byte) 0xF8, (byte) 0, (byte) 0, (byte) 0, (byte) 0)
            .raw((byte) 0, (byte) 0)
            .text("ü")
            .raw((byte) 'U', (byte) 2, (byte) 'a', (byte) 'b')
            .op('t');
    assertThat(parse(pickle))
        .isEqualTo(
            new Tuple(
                List.of(
                    None.NONE,
                    new Bool(true),
                    new Bool(false),
                    new Int(200),
                    new Int(0xF234),
                    new Int(-5),
                    new Int(-32768),
                    new Int(0),
                    new Int(Long.MIN_VALUE),
                    new Real(1.5),
                    new Text("ü"),
                    new Text("ab"))));
  }

  @Test
  void memoryHoldsSharedValues() {
    PickleWriter pickle =
        PickleWriter.begin()
            .text("x")
            .op('q')
            .op(7)
            .op('r')
            .int32(70_000)
            .op('h')
            .op(7)
            .op('j')
            .int32(70_000)
            .op(0x87);
    Text x = new Text("x");
    assertThat(parse(pickle)).isEqualTo(new Tuple(List.of(x, x, x)));
  }

  @Test
  void anOrderedDictMayCarryVersionsInItsAttributes() {
    PickleWriter pickle =
        PickleWriter.begin()
            .orderedDict()
            .op('(')
            .text("a")
            .number(1)
            .text("b")
            .number(2)
            .op('u')
            .op('}')
            .text("_metadata")
            .orderedDict()
            .op('s')
            .op('b');
    assertThat(((Dict) parse(pickle)).entries())
        .containsExactly(entry(new Text("a"), new Int(1)), entry(new Text("b"), new Int(2)));
  }

  @Test
  void attributesOfAnythingElseAreRefused() {
    assertRefused(PickleWriter.begin().op('}').op('}').op('b'), "sets attributes");
    assertRefused(PickleWriter.begin().text("x").op('}').op('b'), "sets attributes");
    assertRefused(PickleWriter.begin().orderedDict().text("x").op('b'), "sets attributes");
  }

  @Test
  void parametersAreTheirTensors() {
    PickleWriter pickle =
        PickleWriter.begin()
            .global("torch._utils", "_rebuild_parameter")
            .op('(')
            .vector("FloatStorage", "0", 3)
            .op(0x88)
            .orderedDict()
            .op('t')
            .op('R');
    assertThat(parse(pickle)).isInstanceOf(Tensor.class);
  }

  @Test
  void shapesAndDevicesAndElementTypesAreData() {
    PickleWriter pickle =
        PickleWriter.begin()
            .global("torch", "Size")
            .tuple(2, 3)
            .op(0x85)
            .op('R')
            .global("torch", "device")
            .text("cpu")
            .op(0x85)
            .op('R')
            .global("torch", "bfloat16")
            .op(0x87);
    assertThat(parse(pickle))
        .isEqualTo(
            new Tuple(
                List.of(
                    new Tuple(List.of(new Int(2), new Int(3))),
                    new Tuple(List.of(new Text("cpu"))),
                    Global.BFLOAT16)));
  }

  @Test
  void everyOtherInstructionIsRefused() {
    for (int opcode = 0; opcode < 256; opcode++) {
      if (!KNOWN.contains(opcode)) {
        assertRefused(PickleWriter.begin().op(opcode), "instruction 0x%02x".formatted(opcode));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "os, system",
    "builtins, eval",
    "__builtin__, getattr",
    "posix, system",
    "torch, load",
    "torch._utils, _rebuild_tensor",
    "collections, Counter",
    "argparse, Namespace",
    "numpy.core.multiarray, scalar",
    "torch, FloatStorage.__init__",
  })
  void everyOtherNameIsRefused(String module, String name) {
    assertRefused(
        PickleWriter.begin().global(module, name).text("true").op(0x85).op('R'),
        "asks for " + module + "." + name);
  }

  @Test
  void aNameAcrossLinesIsNotMistakenForAnother() {
    assertRefused(PickleWriter.begin().global("collections OrderedDict", ""), "asks for");
  }

  @Test
  void onlyFunctionsAreCalledAndOnlyWithTheirArguments() {
    assertRefused(
        PickleWriter.begin().global("torch", "FloatStorage").op(')').op('R'), "does not take");
    assertRefused(PickleWriter.begin().global("torch", "float32").op(')').op('R'), "not take");
    assertRefused(PickleWriter.begin().text("x").op(')').op('R'), "calls");
    assertRefused(
        PickleWriter.begin().global("collections", "OrderedDict").text("x").op('R'), "calls");
    assertRefused(
        PickleWriter.begin().global("collections", "OrderedDict").tuple(1).op('R'), "not take");
    assertRefused(
        PickleWriter.begin().global("torch._utils", "_rebuild_parameter").tuple(1).op('R'),
        "not take");
    assertRefused(
        PickleWriter.begin().global("torch._utils", "_rebuild_tensor_v2").tuple(1).op('R'),
        "makes a tensor");
  }

  @Test
  void storagesMustBeTheFiveThingsTheyAre() {
    assertRefused(PickleWriter.begin().text("x").op('Q'), "refers to a storage");
    assertRefused(PickleWriter.begin().storage("float32", "0", 1), "refers to a storage");
    assertRefused(PickleWriter.begin().storage("FloatStorage", "0", -1), "refers to a storage");
  }

  @Test
  void tensorsMustLieInTheirStorage() {
    long[][][] wrong = {
      // offset, shape, strides, for a storage of 12
      {{0}, {13}, {1}},
      {{1}, {12}, {1}},
      {{12}, {1}, {1}},
      {{13}, {0}, {1}},
      {{-1}, {2}, {1}},
      {{0}, {3, 4}, {5, 1}},
      {{0}, {3, 4}, {4}},
      {{0}, {-3}, {1}},
      {{0}, {3}, {-1}},
      {{0}, {Long.MAX_VALUE}, {Long.MAX_VALUE}},
      {{Long.MAX_VALUE}, {2}, {1}},
      {{0}, {1L << 32, 1L << 32}, {0, 0}},
      {{0}, {13}, {0}},
      {{0}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    };
    for (long[][] each : wrong) {
      assertRefused(
          PickleWriter.begin().tensor("FloatStorage", "0", 12, each[0][0], each[1], each[2]),
          "has a tensor");
    }
    long[][][] right = {
      {{0}, {12}, {1}}, {{0}, {4, 3}, {1, 4}}, {{11}, {}, {}}, {{12}, {0}, {1}}, {{0}, {12}, {0}}
    };
    for (long[][] each : right) {
      assertThat(
              parse(
                  PickleWriter.begin()
                      .tensor("FloatStorage", "0", 12, each[0][0], each[1], each[2])))
          .isInstanceOf(Tensor.class);
    }
  }

  @Test
  void lazyViewsAreRefused() {
    PickleWriter pickle =
        PickleWriter.begin()
            .global("torch._utils", "_rebuild_tensor_v2")
            .op('(')
            .storage("FloatStorage", "0", 1)
            .number(0)
            .tuple(1)
            .tuple(1)
            .op(0x89)
            .orderedDict()
            .op('}')
            .text("neg")
            .op(0x88)
            .op('s')
            .op('t')
            .op('R');
    assertRefused(pickle, "lazy view");
  }

  @Test
  void dictionaryKeysAreScalarsAndAppearOnce() {
    assertRefused(PickleWriter.begin().op('}').op(')').op('N').op('s'), "as a dictionary key");
    assertRefused(
        PickleWriter.begin().op('}').text("a").op('N').op('s').text("a").op('N').op('s'), "twice");
    assertRefused(PickleWriter.begin().op('}').op('(').text("a").op('u'), "without a value");
    assertRefused(PickleWriter.begin().op(']').text("a").op('N').op('s'), "puts an entry into");
    assertRefused(PickleWriter.begin().op('}').op('N').op('a'), "appends to");
  }

  @Test
  void keysWithEqualHashCodesDoNotSlowItDown() {
    PickleWriter pickle = PickleWriter.begin().op('}').op('(');
    for (int i = 0; i < 1 << 16; i++) {
      StringBuilder key = new StringBuilder();
      for (int bit = 0; bit < 16; bit++) {
        key.append((i >> bit & 1) == 0 ? "Aa" : "BB");
      }
      pickle.text(key.toString()).op('N');
    }
    assertThat(((Dict) parse(pickle.op('u'))).entries()).hasSize(1 << 16);
  }

  @Test
  void valuesOutsideTheContainerUnderConstructionAreOutOfReach() {
    assertRefused(PickleWriter.begin().op('}').op('(').op('N').op('s'), "not there");
    assertRefused(PickleWriter.begin().op('N').op('(').op(0x85), "not there");
    assertRefused(PickleWriter.begin().op('t'), "not begun");
    assertRefused(PickleWriter.begin().op('q').op(0), "not there");
    assertRefused(PickleWriter.begin().op('h').op(0), "never remembered");
  }

  @Test
  void nestingIsBoundedWhileContainersAreOpen() {
    PickleWriter pickle = PickleWriter.begin();
    for (int i = 0; i <= Pickle.MAX_MARKS; i++) {
      pickle.op('(');
    }
    assertRefused(pickle, "nests containers");
  }

  @Test
  void deeplyNestedValuesDoNoHarm() {
    PickleWriter pickle = PickleWriter.begin().op(')');
    for (int i = 0; i < 500_000; i++) {
      pickle.op(0x85);
    }
    assertThat(parse(pickle).describe()).isEqualTo("a tuple of 1");
    PickleWriter keyed = PickleWriter.begin().op('}').op(')').op(0x85).op(0x85).op('N').op('s');
    assertRefused(keyed, "as a dictionary key");
  }

  @Test
  void aMemoryBombEndsAtTheInstructionLimit() {
    PickleWriter pickle = PickleWriter.begin().op(')').op('q').op(0);
    for (int i = 0; i < Pickle.MAX_INSTRUCTIONS; i++) {
      pickle.op('}');
    }
    assertRefused(pickle, "instructions");
  }

  @Test
  void doublingAListByReferenceCostsNothing() {
    PickleWriter pickle = PickleWriter.begin().op(')').op('q').op(0);
    for (int i = 0; i < 100_000; i++) {
      pickle.op('h').op(0).op(0x86).op('q').op(0);
    }
    assertThat(parse(pickle).describe()).isEqualTo("a tuple of 2");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 17})
  void textLengthsAreBounded(int length) {
    assertRefused(PickleWriter.begin().op('X').int32(length), "has a text of");
  }

  @Test
  void textMustBeUtf8AndNamesMustEnd() {
    assertRefused(PickleWriter.begin().op('X').int32(1).op(0xFF), "not UTF-8");
    assertRefused(PickleWriter.begin().op('c'), "name without an end");
    assertRefused(PickleWriter.begin().global("a".repeat(200), "b"), "name without an end");
    assertRefused(PickleWriter.begin().raw((byte) 0x8a, (byte) 9), "integer of 9 bytes");
  }

  @Test
  void otherProtocolsAndTrailingValuesAreRefused() {
    assertRefused(new PickleWriter().op(0x80).op(4).op('N'), "protocol 2");
    assertRefused(new PickleWriter().op('N'), "protocol 2");
    assertRefused(PickleWriter.begin(), "exactly one value");
    assertRefused(PickleWriter.begin().op('N').op('N'), "exactly one value");
    assertRefused(PickleWriter.begin().op('N').op('.').op('N'), "exactly one value");
    assertThatThrownBy(() -> Pickle.parse(new byte[] {(byte) 0x80, 2, 'N'}, "test"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("cut off");
  }
}
