package dev.fovea.converter;

import static dev.fovea.converter.PthBuilder.plain;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.converter.PthBuilder.Sizes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class StoredZipTest {

  private static void assertRefused(byte[] file, String message) {
    assertThatThrownBy(() -> StoredZip.parse(MemorySegment.ofArray(file), "test.pth"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("test.pth")
        .hasMessageContaining(message);
  }

  private static float[] read(PthBuilder file) {
    MemorySegment bytes = MemorySegment.ofArray(file.build());
    float[] values = new float[12];
    PthCheckpoint.parse(bytes, "test.pth", () -> {}).read("w", 0, values, 0, 12);
    return values;
  }

  /** A file with some of its bytes changed. */
  private static byte[] changed(PthBuilder file, Consumer<ByteBuffer> change) {
    byte[] bytes = file.build();
    change.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    return bytes;
  }

  @ParameterizedTest
  @EnumSource(Sizes.class)
  void sizesMayBeNarrowOrWideAndBeforeOrBehindTheData(Sizes sizes) {
    assertThat(read(plain().sizes(sizes))).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    assertThat(read(plain().sizes(sizes).withDescriptors()))
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  }

  @Test
  void filesOfMoreThanFourGibibytesAreRead(@TempDir Path folder) throws IOException {
    long elements = (5L << 30) / Float.BYTES;
    byte[] pickle =
        PickleWriter.begin()
            .op('}')
            .op('(')
            .text("large")
            .vector("FloatStorage", "0", elements)
            .text("behind")
            .vector("FloatStorage", "1", 2)
            .op('u')
            .stop();
    Path file = folder.resolve("large.pth");
    new PthBuilder()
        .sizes(Sizes.WIDE)
        .pickle(pickle)
        .zeros("model/data/0", elements * Float.BYTES)
        .floats("1", 3, 4)
        .write(file);
    assertThat(Files.size(file)).isGreaterThan(5L << 30);
    try (PthCheckpoint checkpoint = PthCheckpoint.open(file)) {
      float[] values = new float[2];
      checkpoint.read("behind", 0, values, 0, 2);
      assertThat(values).containsExactly(3, 4);
      checkpoint.read("large", elements - 2, values, 0, 2);
      assertThat(values).containsExactly(0, 0);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/model/x",
        "../x",
        "model/../x",
        "model//x",
        "model/./x",
        "model\\x",
        "x",
        "",
        "other/x",
        "model/\nx"
      })
  void entryNamesMustBePlainAndInOneFolder(String name) {
    assertRefused(plain().add(name, new byte[0]).build(), "entry");
  }

  @Test
  void emptyEntriesForFoldersAreLeftOut() {
    assertThat(read(plain().add("model/", new byte[0]))).hasSize(12);
    assertRefused(plain().add("model/", new byte[1]).build(), "is a folder, and has 1 bytes");
    assertRefused(plain().add("model//", new byte[0]).build(), "entry");
  }

  @Test
  void entriesMustBeDifferent() {
    assertRefused(plain().floats("0", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).build(), "twice");
  }

  @Test
  void compressedAndEncryptedEntriesAreRefused() {
    PthBuilder file = plain();
    assertRefused(
        changed(file, bytes -> bytes.putShort(file.central("model/data/0") + 10, (short) 8)),
        "compressed");
    PthBuilder secret = plain();
    assertRefused(
        changed(secret, bytes -> bytes.putShort(secret.central("model/data/0") + 8, (short) 1)),
        "encrypted");
  }

  @ParameterizedTest
  @ValueSource(ints = {6, 8, 14, 18, 22, 30})
  void localHeadersMustAgreeWithTheDirectory(int field) {
    PthBuilder file = plain();
    assertRefused(
        changed(
            file,
            bytes -> {
              int at = file.local("model/data/0") + field;
              bytes.put(at, (byte) (bytes.get(at) ^ 1));
            }),
        "entry model/data/0");
  }

  @ParameterizedTest
  @ValueSource(ints = {-16, -12, -8, -4})
  void recordsBehindTheDataMustAgreeWithTheDirectory(int field) {
    PthBuilder file = plain().withDescriptors().add("model/version", new byte[0]);
    assertRefused(
        changed(
            file,
            bytes -> {
              int at = file.local("model/version") + field;
              bytes.put(at, (byte) (bytes.get(at) ^ 1));
            }),
        "entry model/data/0: the record behind its data");
  }

  @Test
  void entriesMustNotOverlapOrLeaveTheFile() {
    PthBuilder shared = plain().add("model/longer", new byte[8]);
    assertRefused(
        changed(
            shared,
            bytes -> {
              // One more byte for the one before, which ends where the other begins.
              bytes.putInt(shared.central("model/data/0") + 20, 49);
              bytes.putInt(shared.central("model/data/0") + 24, 49);
              bytes.putInt(shared.local("model/data/0") + 18, 49);
              bytes.putInt(shared.local("model/data/0") + 22, 49);
            }),
        "overlap");
    PthBuilder outside = plain();
    assertRefused(
        changed(outside, bytes -> bytes.putInt(outside.central("model/data/0") + 42, 1 << 30)),
        "no local header");
    PthBuilder large = plain();
    assertRefused(
        changed(
            large,
            bytes -> {
              bytes.putInt(large.central("model/data/0") + 20, 1 << 20);
              bytes.putInt(large.central("model/data/0") + 24, 1 << 20);
            }),
        "reach into the directory");
  }

  @Test
  void theEndRecordsMustAgreeWithTheFile() {
    PthBuilder file = plain();
    byte[] bytes = file.build();
    assertRefused(Arrays.copyOf(bytes, bytes.length - 1), "cut off");
    assertRefused(Arrays.copyOf(bytes, bytes.length + 1), "cut off");
    for (int field : new int[] {4, 8, 10, 12, 16}) {
      PthBuilder each = plain();
      assertRefused(
          changed(each, b -> b.put(each.end() + field, (byte) (b.get(each.end() + field) + 1))),
          "not a sound .pth file");
    }
    for (int field : new int[] {4, 24, 32, 40, 48}) {
      PthBuilder each = plain().sizes(Sizes.WIDE);
      assertRefused(
          changed(
              each,
              b -> {
                int at = each.end() - 20 - 56 + field;
                b.put(at, (byte) (b.get(at) + 1));
              }),
          "not a sound .pth file");
    }
    PthBuilder located = plain().sizes(Sizes.WIDE);
    assertRefused(
        changed(located, b -> b.putLong(located.end() - 12, Long.MAX_VALUE)), "ZIP64 locator");
    PthBuilder narrow = plain().sizes(Sizes.WIDE);
    assertRefused(
        changed(narrow, b -> b.putShort(narrow.central("model/data/0") + 46 + 12, (short) 2)),
        "ZIP64 value is missing");
  }
}
