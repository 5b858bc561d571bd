package dev.fovea.checkpoint;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {

  @Test
  void everyKindOfValueIsRead() {
    Map<String, Object> expected = new LinkedHashMap<>();
    expected.put("a", List.of(1L, -2L, 0L, Long.MAX_VALUE));
    expected.put("b", List.of(1.5, -2e-3, 100.0, 0x1p63));
    expected.put("c", Arrays.asList(true, false, null));
    expected.put("", Map.of("x", List.of(), "y", Map.of()));
    assertThat(
            parse(
                """
                 { "a" : [1, -2,0,9223372036854775807],
                  "b":[1.5,-2e-3, 1E+2, 9223372036854775808], "c" : [ true,false , null ],
                  "": {"x": [ ], "y": { } } }
                """))
        .isEqualTo(expected);
  }

  @Test
  void orderOfKeysIsKept() {
    assertThat(((Map<?, ?>) parse("{\"z\":1,\"a\":2,\"m\":3}")).keySet())
        .map(Object::toString)
        .containsExactly("z", "a", "m");
  }

  @Test
  void stringsMayHaveEscapesAndAnyCharacter() {
    assertThat(
            parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00 \u00e9\ud83d\ude00\u007f\""))
        .isEqualTo("\"\\/\b\f\n\r\tA\ud83d\ude00 \u00e9\ud83d\ude00\u007f");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\" 1}",
        "[1 2]",
        "{} {}",
        "{}x",
        "1 2",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1e999",
        "-1e999",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\t\"",
        "\"\n\"",
        "\"\u0000\"",
        "/**/1",
        "[1]//",
        "\ufeff{}",
        "]",
        "}",
        ":",
        ","
      })
  void invalidTextIsRefusedWithItsPlace(String text) {
    assertThatThrownBy(() -> parse(text))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("text.json")
        .hasMessageContaining("at byte ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"\u00ff\"",
        "\"\u00c0\u0080\"",
        "\"\u00ed\u00a0\u0080\"",
        "\"\u00e9\"",
        "\"\u00f4\u0090\u0080\u0080\"",
        "\"x\\n\u0080\""
      })
  void invalidUtf8IsRefused(String latin1) {
    assertThatThrownBy(() -> Json.parse(latin1.getBytes(ISO_8859_1), "text.json"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("UTF-8");
  }

  @Test
  void duplicateKeysAreRefusedHoweverSpelled() {
    assertThatThrownBy(() -> parse("{\"a\":1,\"b\":2,\"\\u0061\":3}"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("duplicate key \"a\"")
        .hasMessageContaining("byte 13");
  }

  @Test
  void depthIsLimited() {
    assertThat(parse("[".repeat(64) + "]".repeat(64))).isInstanceOf(List.class);
    assertThatThrownBy(() -> parse("[".repeat(65) + "]".repeat(65)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("64 levels");
    assertThatThrownBy(() -> parse("{\"a\":".repeat(1_000_000)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("64 levels");
  }

  @Test
  void numberOfValuesIsLimited() {
    assertThatThrownBy(() -> parse("[" + "[],".repeat(1_000_000) + "0]"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("1000000 values");
  }

  @Test
  void sizeOfAFileIsLimited(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), "[1,2]");
    assertThat(Json.read(file, 5)).isEqualTo(List.of(1L, 2L));
    assertThatThrownBy(() -> Json.read(file, 4))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("at most 4 bytes");
    assertThatThrownBy(() -> Json.read(folder, 4))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("not a file");
  }

  @Test
  void whatIsWrittenIsRead() {
    Map<String, Object> value = new LinkedHashMap<>();
    value.put("text \"\\\n\u0001 \u00e9\ud83d\ude00", "");
    value.put("list", Arrays.asList(1L, -2.5, 1e-300, true, null, List.of(), Map.of()));
    assertThat(parse(Json.write(value))).isEqualTo(value);
    assertThat(Json.write(value)).doesNotContain("\n");
  }

  @Test
  void whatJsonCannotHoldIsNotWritten() {
    for (Object value :
        List.of(Double.NaN, Float.POSITIVE_INFINITY, 'c', "\ud800", "\udc00x", Map.of(1, 2))) {
      assertThatThrownBy(() -> Json.write(value)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static Object parse(String text) {
    return Json.parse(text.getBytes(UTF_8), "text.json");
  }
}
