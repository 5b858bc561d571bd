package dev.fovea.checkpoint;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {

  @TempDir Path folder;

  @Test
  void namesShapesMetadataAndValuesAreRead() {
    String header =
        "{\"__metadata__\":{\"format\":\"pt\",\"\":\"x\"},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
            + "\"a\":{\"shape\":[],\"data_offsets\":[8,12],\"dtype\":\"F32\",\"more\":null},"
            + "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[8,8]}}";
    try (Checkpoint checkpoint = Safetensors.open(file(header, floats(1.5f, -2f, 3f)))) {
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("format", "pt", "", "x"));
      assertThat(checkpoint.tensors().values())
          .containsExactly(
              new TensorInfo("a", "F32", List.of()),
              new TensorInfo("b", "F32", List.of(2L, 1L)),
              new TensorInfo("empty", "I64", List.of(0L, 7L)));
      assertThat(read(checkpoint, "b", 2)).containsExactly(1.5f, -2f);
      assertThat(read(checkpoint, "a", 1)).containsExactly(3f);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void elementsMayLieAtAnyAddress(int padding) {
    String header = entry("x", "F32", "[3]", 0, 12) + " ".repeat(padding);
    try (Checkpoint checkpoint = Safetensors.open(file(header, floats(1, 2, 3)))) {
      assertThat(read(checkpoint, "x", 3)).containsExactly(1, 2, 3);
    }
  }

  @Test
  void signallingNotANumbersKeepTheirBits() {
    byte[] data = {1, 0, (byte) 0x80, 0x7F};
    try (Checkpoint checkpoint = Safetensors.open(file(entry("x", "F32", "[1]", 0, 4), data))) {
      assertThat(Float.floatToRawIntBits(read(checkpoint, "x", 1)[0])).isEqualTo(0x7F80_0001);
    }
  }

  @Test
  void longTensorsOf16BitsAreReadInChunks() {
    int count = 100_003;
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i % 2048;
    }
    byte[] data = Fixtures.encode(values, "F16");
    String header = entry("x", "F16", "[" + count + "]", 0, 2L * count);
    try (Checkpoint checkpoint = Safetensors.open(file(header, data))) {
      assertThat(read(checkpoint, "x", count)).isEqualTo(values);
    }
  }

  @Test
  void fileShorterThanALengthIsRefused() throws IOException {
    assertRefused(Files.write(folder.resolve("f"), new byte[7]), "HeaderTooSmall", "got 7");
    assertRefused(Files.write(folder.resolve("f"), new byte[0]), "HeaderTooSmall", "got 0");
  }

  @Test
  void giantHeaderIsRefusedUnread() throws IOException {
    assertRefused(raw(100_000_001, "{}"), "HeaderTooLarge", "100000001");
    assertRefused(raw(-1, "{}"), "HeaderTooLarge", "18446744073709551615");
    assertRefused(raw(Long.MIN_VALUE, "{}"), "HeaderTooLarge", "9223372036854775808");
  }

  @Test
  void headerBeyondTheFileIsRefused() throws IOException {
    assertRefused(raw(3, "{}"), "InvalidHeaderLength", "3 bytes");
    assertRefused(raw(100_000_000, "{}"), "InvalidHeaderLength", "100000000");
  }

  @Test
  void headerMustStartWithABrace() throws IOException {
    assertRefused(raw(0, ""), "InvalidHeaderStart");
    assertRefused(raw(3, " {}"), "InvalidHeaderStart");
    assertRefused(raw(2, "[]"), "InvalidHeaderStart");
  }

  @Test
  void zipArchiveIsRefusedWithAHint() throws IOException {
    byte[] zip = "PK\u0003\u0004\u0000\u0000\b\b rest".getBytes(ISO_8859_1);
    assertRefused(Files.write(folder.resolve("f"), zip), "HeaderTooLarge", ".pth");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"x\":1}                                                           | object",
        "{\"x\":{}}                                                          | dtype",
        "{\"x\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,4]}}           | dtype",
        "{\"x\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}}     | F31",
        "{\"x\":{\"dtype\":\"f32\",\"shape\":[],\"data_offsets\":[0,4]}}     | f32",
        "{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}                  | shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}      | shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}   | shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}  | shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}| shape",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[]}}                            | data_offsets",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0]}}       | data_offsets",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,2,4]}}   | data_offsets",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[-4,0]}}    | data_offsets",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4e0]}}   | data_offsets",
        "{\"__metadata__\":[]}                                               | __metadata__",
        "{\"__metadata__\":{\"a\":1}}                                        | string",
        "{\"__metadata__\":{\"a\":null}}                                     | missing",
        "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}                          | duplicate",
        "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[]}}          | duplicate",
        "{} x                                                                | JSON",
        "{                                                                   | JSON"
      })
  void headerOfTheWrongFormIsRefused(String header, String detail) {
    assertRefused(file(header, new byte[4]), detail);
  }

  @Test
  void headerMustBeUtf8() throws IOException {
    byte[] header = "{\"\u00e9\":1}".getBytes(ISO_8859_1);
    ByteBuffer bytes = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(header.length).put(header);
    assertRefused(Files.write(folder.resolve("f"), bytes.array()), "UTF-8");
  }

  @Test
  void duplicateNamesAreRefused() {
    String x = "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
    assertRefused(file("{" + x + "," + x + "}", new byte[4]), "duplicate key", "x");
  }

  @Test
  void holesOverlapsAndReversedOffsetsAreRefused() {
    assertRefused(file(entry("x", "F32", "[1]", 4, 8), new byte[8]), "InvalidOffset", "\"x\"");
    assertRefused(file(two(0, 4, 8, 12), new byte[12]), "InvalidOffset", "\"y\"");
    assertRefused(file(two(0, 4, 2, 6), new byte[6]), "InvalidOffset", "\"y\"");
    assertRefused(file(two(0, 4, 0, 4), new byte[4]), "InvalidOffset", "\"y\"");
    assertRefused(file(two(0, 4, 4, 0), new byte[4]), "InvalidOffset", "\"y\"");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"[9223372036854775807,2]", "[4294967296,4294967296]", "[9223372036854775807]"})
  void sizesThatOverflowAreRefused(String shape) {
    assertRefused(file(entry("x", "F32", shape, 0, 4), new byte[4]), "ValidationOverflow");
  }

  @Test
  void halfBytesAreRefused() {
    assertRefused(file(entry("x", "F4", "[3]", 0, 1), new byte[1]), "MisalignedSlice");
    Safetensors.open(file(entry("x", "F4", "[4]", 0, 2), new byte[2])).close();
  }

  @Test
  void offsetsThatDisagreeWithTheShapeAreRefused() {
    assertRefused(file(entry("x", "F32", "[2]", 0, 4), new byte[4]), "TensorInvalidInfo", "[2]");
    assertRefused(file(entry("x", "F64", "[1]", 0, 4), new byte[4]), "TensorInvalidInfo", "F64");
  }

  @Test
  void fileMustEndWithTheLastTensor() {
    String header = entry("x", "F32", "[1]", 0, 4);
    assertRefused(file(header, new byte[3]), "MetadataIncompleteBuffer", "complete");
    assertRefused(file(header, new byte[5]), "MetadataIncompleteBuffer");
    assertRefused(file("{}", new byte[1]), "MetadataIncompleteBuffer");
    Safetensors.open(file("{}", new byte[0])).close();
  }

  @Test
  void elementsOfOtherTypesCannotBeRead() {
    try (Checkpoint checkpoint =
        Safetensors.open(file(entry("x", "I32", "[1]", 0, 4), new byte[4]))) {
      assertThatThrownBy(() -> read(checkpoint, "x", 1))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("I32")
          .hasMessageContaining("\"x\"");
    }
  }

  @Test
  void callersMistakesAreNotTheFiles() {
    try (Checkpoint checkpoint =
        Safetensors.open(file(entry("x", "F32", "[2]", 0, 8), new byte[8]))) {
      assertThatThrownBy(() -> read(checkpoint, "y", 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("\"y\"");
      assertThatThrownBy(() -> read(checkpoint, "x", 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> checkpoint.read("x", -1, new float[9], 0, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> checkpoint.read("x", Long.MAX_VALUE, new float[9], 0, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void whatIsNotAFileIsRefused() {
    assertRefused(folder.resolve("absent"), "no such file");
    assertRefused(folder, "model.safetensors.index.json");
    assertRefused(Path.of("/dev/null"), "cannot read");
  }

  @Test
  void fileTruncatedWhileMappedIsAnErrorNotACrash() throws IOException {
    int count = 1 << 16;
    for (String dtype : List.of("F32", "F16")) {
      int size = count * (dtype.equals("F32") ? 4 : 2);
      Path file = file(entry("x", dtype, "[" + count + "]", 0, size), new byte[size]);
      try (Checkpoint checkpoint = Safetensors.open(file)) {
        read(checkpoint, "x", count);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(100);
        }
        for (int attempt = 0; attempt < 3; attempt++) {
          assertThatThrownBy(() -> read(checkpoint, "x", count))
              .isInstanceOf(CheckpointException.class)
              .hasMessageContaining("truncated");
        }
      }
    }
  }

  @Test
  void closingWhileOthersReadEndsTheirReadsCleanly() throws InterruptedException {
    int count = 1 << 14;
    Path file = file(entry("x", "F32", "[" + count + "]", 0, 4L * count), new byte[4 * count]);
    for (int round = 0; round < 20; round++) {
      Checkpoint checkpoint = Safetensors.open(file);
      CountDownLatch reading = new CountDownLatch(2);
      List<Throwable> ends = Collections.synchronizedList(new ArrayList<>());
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        while (true) {
                          read(checkpoint, "x", count);
                          reading.countDown();
                        }
                      } catch (RuntimeException e) {
                        ends.add(e);
                      }
                    }));
      }
      reading.await();
      checkpoint.close();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(ends)
          .hasSize(2)
          .allSatisfy(
              end ->
                  assertThat(end)
                      .isExactlyInstanceOf(IllegalStateException.class)
                      .hasMessageContaining("is closed"));
    }
  }

  /** Longer than what is mapped at a time. */
  @Test
  void longTensorsAreReadWhole() {
    int count = 2_500_000;
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i;
    }
    String header = entry("x", "F32", "[" + count + "]", 0, 4L * count);
    try (Checkpoint checkpoint = Safetensors.open(file(header, floats(values)))) {
      assertThat(Arrays.mismatch(read(checkpoint, "x", count), values)).isEqualTo(-1);
    }
  }

  @Test
  void anInterruptedThreadIsToldSo() {
    Path file = file(entry("x", "F32", "[1]", 0, 4), floats(1));
    try (Checkpoint checkpoint = Safetensors.open(file)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> read(checkpoint, "x", 1))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("interrupted");
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  /** A sparse file: the bytes that are not written take no room on the disk. */
  @Test
  void elementsBeyondTwoGibibytesAreRead() throws IOException {
    long count = 600_000_000;
    Path file = folder.resolve("large");
    byte[] header = entry("x", "F32", "[" + count + "]", 0, 4 * count).getBytes(UTF_8);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.WRITE)) {
      ByteBuffer start = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(start.putLong(header.length).put(header).flip());
      channel.write(ByteBuffer.wrap(floats(42f)), 8 + header.length + 4 * (count - 1));
    }
    try (Checkpoint checkpoint = Safetensors.open(file)) {
      float[] end = new float[3];
      checkpoint.read("x", count - 3, end, 0, 3);
      assertThat(end).containsExactly(0f, 0f, 42f);
    }
  }

  private static String two(long begin1, long end1, long begin2, long end2) {
    String x = entry("x", "F32", "[1]", begin1, end1);
    String y = entry("y", "F32", "[1]", begin2, end2);
    return x.substring(0, x.length() - 1) + "," + y.substring(1);
  }

  private static String entry(String name, String dtype, String shape, long begin, long end) {
    return String.format(
        "{\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}}",
        name, dtype, shape, begin, end);
  }

  private static byte[] floats(float... values) {
    return Fixtures.encode(values, "F32");
  }

  private static float[] read(Checkpoint checkpoint, String name, int count) {
    float[] values = new float[count];
    checkpoint.read(name, 0, values, 0, count);
    return values;
  }

  private Path raw(long length, String header) throws IOException {
    byte[] text = header.getBytes(UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
    return Files.write(folder.resolve("f"), bytes.putLong(length).put(text).array());
  }

  private Path file(String header, byte[] data) {
    byte[] text = header.getBytes(UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    try {
      return Files.write(
          folder.resolve("f"), bytes.putLong(text.length).put(text).put(data).array());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertRefused(Path path, String... details) {
    assertThatThrownBy(() -> Safetensors.open(path).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContainingAll(details);
  }
}
