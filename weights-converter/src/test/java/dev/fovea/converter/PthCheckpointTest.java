package dev.fovea.converter;

import static dev.fovea.converter.PthBuilder.oneTensor;
import static dev.fovea.converter.PthBuilder.plain;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PthCheckpointTest {

  private static final float[] TWELVE = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

  private static PthCheckpoint parse(byte[] file) {
    return PthCheckpoint.parse(MemorySegment.ofArray(file), "test.pth", () -> {});
  }

  private static PthCheckpoint parse(PthBuilder file) {
    return parse(file.build());
  }

  private static void assertRefused(byte[] file, String message) {
    assertThatThrownBy(() -> parse(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("test.pth")
        .hasMessageContaining(message);
  }

  private static float[] readAll(Checkpoint checkpoint, String name) {
    float[] values = new float[Math.toIntExact(checkpoint.tensors().get(name).elements())];
    checkpoint.read(name, 0, values, 0, values.length);
    return values;
  }

  @Test
  void filesOfTorchSaveAreRead() throws IOException {
    byte[] bytes;
    try (var in = getClass().getResourceAsStream("/fixtures/tiny-reg4_pretrain.pth")) {
      bytes = in.readAllBytes();
    }
    PthCheckpoint checkpoint = parse(bytes);
    assertThat(checkpoint.tensors()).hasSize(36);
    assertThat(checkpoint.tensors().get("patch_embed.proj.weight"))
        .isEqualTo(new TensorInfo("patch_embed.proj.weight", "F32", List.of(128L, 3L, 14L, 14L)));
    assertThat(checkpoint.metadata()).isEmpty();
    assertThat(checkpoint.source()).isEqualTo("test.pth");
  }

  @Test
  void stridesAndOffsetsAreFollowed() {
    PthCheckpoint transposed = parse(oneTensor(0, new long[] {4, 3}, new long[] {1, 4}));
    assertThat(readAll(transposed, "w")).containsExactly(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
    PthCheckpoint column = parse(oneTensor(1, new long[] {3}, new long[] {4}));
    assertThat(readAll(column, "w")).containsExactly(1, 5, 9);
    PthCheckpoint row = parse(oneTensor(4, new long[] {1, 4}, new long[] {99, 1}));
    assertThat(readAll(row, "w")).containsExactly(4, 5, 6, 7);
    PthCheckpoint repeated = parse(oneTensor(5, new long[] {2, 2}, new long[] {0, 1}));
    assertThat(readAll(repeated, "w")).containsExactly(5, 6, 5, 6);
    assertThat(readAll(parse(oneTensor(7, new long[] {}, new long[] {})), "w")).containsExactly(7);
    assertThat(readAll(parse(oneTensor(0, new long[] {0}, new long[] {1})), "w")).isEmpty();
  }

  @Test
  void anyRunOfElementsCanBeRead() {
    PthCheckpoint transposed = parse(oneTensor(0, new long[] {2, 3, 2}, new long[] {1, 4, 2}));
    float[] all = readAll(transposed, "w");
    assertThat(all).containsExactly(0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11);
    for (int first = 0; first <= all.length; first++) {
      for (int count = 0; first + count <= all.length; count++) {
        float[] target = new float[14];
        Arrays.fill(target, -1);
        transposed.read("w", first, target, 1, count);
        float[] expected = new float[14];
        Arrays.fill(expected, -1);
        System.arraycopy(all, first, expected, 1, count);
        assertThat(target).isEqualTo(expected);
      }
    }
  }

  @Test
  void tensorsMayShareAStorage() {
    PickleWriter pickle =
        PickleWriter.begin()
            .orderedDict()
            .op('(')
            .text("a")
            .tensor("FloatStorage", "0", 12, 0, new long[] {4}, new long[] {1})
            .text("b")
            .tensor("FloatStorage", "0", 12, 2, new long[] {4}, new long[] {1})
            .op('u');
    PthCheckpoint checkpoint = parse(new PthBuilder().pickle(pickle.stop()).floats("0", TWELVE));
    assertThat(readAll(checkpoint, "a")).containsExactly(0, 1, 2, 3);
    assertThat(readAll(checkpoint, "b")).containsExactly(2, 3, 4, 5);
  }

  @Test
  void aStorageHasOneElementType() {
    PickleWriter pickle =
        PickleWriter.begin()
            .op('}')
            .op('(')
            .text("a")
            .vector("FloatStorage", "0", 12)
            .text("b")
            .vector("HalfStorage", "0", 24)
            .op('u');
    assertRefused(
        new PthBuilder().pickle(pickle.stop()).floats("0", TWELVE).build(), "another type");
  }

  @Test
  void allFloatingPointTypesAreWidened() {
    PickleWriter pickle =
        PickleWriter.begin()
            .op('}')
            .op('(')
            .text("half")
            .vector("HalfStorage", "0", 3)
            .text("brain")
            .vector("BFloat16Storage", "1", 2)
            .text("double")
            .vector("DoubleStorage", "2", 2)
            .text("long")
            .vector("LongStorage", "3", 1)
            .op('u');
    ByteBuffer bytes = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    byte[] half =
        bytes.putShort((short) 0x3C00).putShort((short) 1).putShort((short) 0xFC00).array();
    byte[] brain = {(byte) 0xC0, 0x3F, 0x01, 0x00};
    ByteBuffer doubles = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    doubles.putDouble(0.1).putDouble(1e-300);
    PthCheckpoint checkpoint =
        parse(
            new PthBuilder()
                .pickle(pickle.stop())
                .add("model/data/0", Arrays.copyOf(half, 6))
                .add("model/data/1", brain)
                .add("model/data/2", doubles.array())
                .add("model/data/3", new byte[8]));
    assertThat(readAll(checkpoint, "half")).containsExactly(1, 0x1p-24f, Float.NEGATIVE_INFINITY);
    assertThat(readAll(checkpoint, "brain")).containsExactly(1.5f, 0x1p-133f);
    assertThat(readAll(checkpoint, "double")).containsExactly(0.1f, 0f);
    assertThat(checkpoint.tensors().get("long").dtype()).isEqualTo("I64");
    assertThatThrownBy(() -> readAll(checkpoint, "long"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("I64");
  }

  @ParameterizedTest
  @ValueSource(strings = {"model", "state_dict", "teacher", "teacher/model", "model/state_dict"})
  void wrappersAreTakenOff(String path) {
    PickleWriter pickle = PickleWriter.begin();
    String[] keys = path.split("/");
    for (String key : keys) {
      pickle.op('}').text("epoch").number(3).op('s').text(key);
    }
    pickle.op('}').text("backbone.w").vector("FloatStorage", "0", 12).op('s');
    for (int i = 0; i < keys.length; i++) {
      pickle.op('s');
    }
    PthCheckpoint checkpoint = parse(new PthBuilder().pickle(pickle.stop()).floats("0", TWELVE));
    assertThat(readAll(checkpoint, "backbone.w")).isEqualTo(TWELVE);
  }

  @Test
  void numbersThatNoFloat32HoldsAreRefused() {
    PickleWriter pickle = PickleWriter.begin().op('}').text("w").vector("DoubleStorage", "0", 2);
    ByteBuffer doubles = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    doubles.putDouble(0.1).putDouble(1e300);
    PthCheckpoint checkpoint =
        parse(new PthBuilder().pickle(pickle.op('s').stop()).add("model/data/0", doubles.array()));
    assertThatThrownBy(() -> readAll(checkpoint, "w"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tensor 'w': 1.0E300 is too large for float32");
  }

  /** Training code keeps its settings under a wrapper's name, too. */
  @Test
  void aWrapperWithoutTensorsIsNotTakenForOne() {
    PickleWriter pickle = PickleWriter.begin().op('}').op('(').text("model");
    pickle.op('}').text("arch").text("vit_small").op('s');
    pickle.text("state_dict").op('}').text("w").vector("FloatStorage", "0", 12).op('s').op('u');
    PthCheckpoint checkpoint = parse(new PthBuilder().pickle(pickle.stop()).floats("0", TWELVE));
    assertThat(readAll(checkpoint, "w")).isEqualTo(TWELVE);
  }

  @Test
  void otherContentsAreRefusedByName() {
    PickleWriter other = PickleWriter.begin().op('}').text("network").op('}').op('s');
    assertRefused(new PthBuilder().pickle(other.stop()).build(), "the text 'network'");
    PickleWriter mixed =
        PickleWriter.begin()
            .op('}')
            .op('(')
            .text("w")
            .vector("FloatStorage", "0", 12)
            .text("epoch")
            .number(3)
            .op('u');
    assertRefused(
        new PthBuilder().pickle(mixed.stop()).floats("0", TWELVE).build(),
        "'epoch' is the number 3");
    PickleWriter single = PickleWriter.begin().vector("FloatStorage", "0", 12);
    assertRefused(
        new PthBuilder().pickle(single.stop()).floats("0", TWELVE).build(), "a tensor, but no");
    PickleWriter numbered =
        PickleWriter.begin().op('}').number(1).vector("FloatStorage", "0", 12).op('s');
    assertRefused(
        new PthBuilder().pickle(numbered.stop()).floats("0", TWELVE).build(), "not a text");
  }

  @Test
  void storagesMustBeThereInFull() {
    PickleWriter pickle = PickleWriter.begin().op('}').text("w").vector("FloatStorage", "0", 12);
    byte[] bytes = pickle.op('s').stop();
    assertRefused(new PthBuilder().pickle(bytes).build(), "data/0, which is missing");
    assertRefused(new PthBuilder().pickle(bytes).floats("0", 1, 2).build(), "8 bytes");
    assertRefused(
        new PthBuilder().pickle(bytes).add("model/data/0", new byte[49]).build(), "49 bytes");
  }

  @Test
  void byteOrderMustBeLittle() {
    byte[] little = "little".getBytes(StandardCharsets.US_ASCII);
    byte[] big = "big".getBytes(StandardCharsets.US_ASCII);
    assertThat(readAll(parse(plain().add("model/byteorder", little)), "w")).isEqualTo(TWELVE);
    assertRefused(plain().add("model/byteorder", big).build(), "not little-endian");
  }

  @Test
  void otherFormatsAreNamed() {
    byte[] legacy = new byte[600];
    int[] magic = {0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    for (int i = 0; i < magic.length; i++) {
      legacy[i] = (byte) magic[i];
    }
    assertRefused(legacy, "before 1.6; load it in PyTorch and save it again");
    byte[] tar = new byte[600];
    System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
    assertRefused(tar, "tar format");
    assertRefused("<html>not found</html>".getBytes(StandardCharsets.US_ASCII), "no zip file");
    assertRefused(new byte[0], "no zip file");
    assertRefused(plain().add("model/constants.pkl", new byte[0]).build(), "TorchScript");
    assertRefused(new PthBuilder().floats("0", 1).build(), "no entry data.pkl");
  }

  @Test
  void aClosedCheckpointSaysSo(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("w.pth"), plain().build());
    PthCheckpoint checkpoint = PthCheckpoint.open(file);
    assertThat(readAll(checkpoint, "w")).isEqualTo(TWELVE);
    checkpoint.close();
    checkpoint.close();
    assertThatThrownBy(() -> readAll(checkpoint, "w"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void aFileCutOffWhileOpenIsAnError(@TempDir Path folder) throws IOException {
    float[] many = new float[100_000];
    PickleWriter pickle =
        PickleWriter.begin().op('}').text("w").vector("FloatStorage", "0", many.length).op('s');
    byte[] bytes = new PthBuilder().pickle(pickle.stop()).floats("0", many).build();
    Path file = Files.write(folder.resolve("w.pth"), bytes);
    try (PthCheckpoint checkpoint = PthCheckpoint.open(file)) {
      Files.write(file, new byte[0]);
      assertThatThrownBy(() -> readAll(checkpoint, "w"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("cut off");
    }
  }

  @Test
  void aMissingFileIsAnError(@TempDir Path folder) {
    assertThatThrownBy(() -> PthCheckpoint.open(folder.resolve("none.pth")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("none.pth");
    assertThatThrownBy(() -> PthCheckpoint.open(folder)).isInstanceOf(CheckpointException.class);
  }

  @Test
  void readsOutsideATensorAreMistakesOfTheCaller() {
    PthCheckpoint checkpoint = parse(plain());
    float[] target = new float[12];
    assertThatThrownBy(() -> checkpoint.read("v", 0, target, 0, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> checkpoint.read("w", 1, target, 0, 12))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> checkpoint.read("w", 0, target, 1, 12))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
