package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.ProgressListener;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {

  private static final TensorInfo X = new TensorInfo("x", "F32", List.of(1L));

  @TempDir Path folder;

  @Test
  void whatIsWrittenIsRead() {
    Path file = folder.resolve("out.safetensors");
    List<TensorInfo> tensors =
        List.of(
            new TensorInfo("z", "F32", List.of(700_001L)),
            new TensorInfo("h\u00e9\"", "F16", List.of(3L, 1L)),
            new TensorInfo("a", "BF16", List.of()),
            new TensorInfo("empty", "F64", List.of(0L)));
    SafetensorsWriter.write(
        file,
        tensors,
        Map.of("k\n", "v\"", "b", ""),
        (name, first, target, offset, count) -> {
          for (int i = 0; i < count; i++) {
            target[offset + i] = name.equals("z") ? first + i : 0.5f * (first + i + 1);
          }
        },
        ProgressListener.NONE);
    try (Checkpoint checkpoint = Safetensors.open(file)) {
      assertThat(checkpoint.tensors().values()).containsExactlyInAnyOrderElementsOf(tensors);
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("k\n", "v\"", "b", ""));
      float[] z = new float[700_001];
      checkpoint.read("z", 0, z, 0, z.length);
      for (int i = 0; i < z.length; i++) {
        assertThat(z[i]).isEqualTo(i);
      }
      float[] h = new float[3];
      checkpoint.read("h\u00e9\"", 0, h, 0, 3);
      assertThat(h).containsExactly(0.5f, 1f, 1.5f);
    }
  }

  @Test
  void elementsStartAtAMultipleOfEight() throws IOException {
    for (int length = 1; length < 10; length++) {
      Path file = folder.resolve("out");
      SafetensorsWriter.write(
          file, Map.of(new TensorInfo("n".repeat(length), "F32", List.of(1L)), new float[] {1}));
      byte[] bytes = Files.readAllBytes(file);
      long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
      assertThat(header % 8).isZero();
      assertThat(bytes).hasSize((int) (8 + header + 4));
    }
  }

  @Test
  void sameTensorsGiveTheSameBytesInAnyOrder() throws IOException {
    TensorInfo y = new TensorInfo("y", "F32", List.of(1L));
    Path first = folder.resolve("1");
    Path second = folder.resolve("2");
    for (Path file : List.of(first, second)) {
      SafetensorsWriter.write(
          file,
          file.equals(first) ? List.of(X, y) : List.of(y, X),
          Map.of(),
          (name, from, target, offset, count) -> target[offset] = name.charAt(0),
          ProgressListener.NONE);
    }
    assertThat(first).hasSameBinaryContentAs(second);
  }

  @Test
  void targetStaysAsItWasUntilAllIsWritten() throws IOException {
    Path file = Files.writeString(folder.resolve("out.safetensors"), "before");
    List<String> seen = new ArrayList<>();
    SafetensorsWriter.write(
        file,
        List.of(X),
        Map.of(),
        (name, first, target, offset, count) -> {
          seen.addAll(names());
          seen.add(content(file));
        },
        ProgressListener.NONE);
    assertThat(seen).hasSize(3).contains("out.safetensors", "before");
    assertThat(seen).anyMatch(name -> name.matches("\\.out\\.safetensors\\.[0-9a-f-]+\\.partial"));
    assertThat(names()).containsExactly("out.safetensors");
    Safetensors.open(file).close();
  }

  @Test
  void failureOfTheSourceLeavesNothingBehind() throws IOException {
    Path file = Files.writeString(folder.resolve("out"), "before");
    for (Throwable failure :
        List.of(new IllegalStateException("broken"), new OutOfMemoryError("broken"))) {
      assertThatThrownBy(
              () ->
                  SafetensorsWriter.write(
                      file,
                      List.of(X),
                      Map.of(),
                      (name, first, target, offset, count) -> {
                        if (failure instanceof Error error) {
                          throw error;
                        }
                        throw (RuntimeException) failure;
                      },
                      ProgressListener.NONE))
          .isSameAs(failure);
      assertThat(names()).containsExactly("out");
      assertThat(file).hasContent("before");
    }
  }

  @Test
  void valueThatDoesNotFitIsRefusedWithItsTensor() {
    TensorInfo info = new TensorInfo("wide", "F16", List.of(2L));
    assertThatThrownBy(
            () ->
                SafetensorsWriter.write(
                    folder.resolve("out"), Map.of(info, new float[] {1, 70_000})))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll("\"wide\"", "70000", "F16");
    assertThat(names()).isEmpty();
  }

  @Test
  void placeThatCannotBeWrittenIsRefused() throws IOException {
    Files.writeString(folder.resolve("file"), "");
    for (Path target : List.of(folder, folder.resolve("absent/x"), folder.resolve("file/x"))) {
      assertThatThrownBy(() -> SafetensorsWriter.write(target, Map.of(X, new float[1])))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("cannot write " + target);
    }
  }

  @Test
  void whatIsNoFileIsNotReplaced() throws IOException {
    Path socket = folder.resolve("socket"); // stands for devices, which renaming would replace, too
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      Path link = Files.createSymbolicLink(folder.resolve("link"), socket);
      for (Path target : List.of(socket, link)) {
        assertThatThrownBy(() -> SafetensorsWriter.write(target, Map.of(X, new float[1])))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining("cannot write " + target + ": expected the name of a file");
      }
      assertThat(Files.readAttributes(socket, BasicFileAttributes.class).isOther()).isTrue();
      assertThat(link).isSymbolicLink();
    }
  }

  @Test
  void theFileBehindALinkIsReplaced() throws IOException {
    Path real = Files.writeString(folder.resolve("real"), "before");
    Path link = Files.createSymbolicLink(folder.resolve("link"), real.getFileName());
    SafetensorsWriter.write(link, Map.of(X, new float[1]));
    assertThat(link).isSymbolicLink();
    assertThat(Files.size(real)).isGreaterThan(8);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(2);
    }
  }

  @Test
  void callersMistakesAreNamed() {
    Path file = folder.resolve("out");
    assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(X, new float[2])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"x\"");
    TensorInfo integers = new TensorInfo("i", "I64", List.of(1L));
    assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(integers, new float[1])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("I64");
    TensorInfo twin = new TensorInfo("x", "F16", List.of(1L));
    assertThatThrownBy(
            () -> SafetensorsWriter.write(file, Map.of(X, new float[1], twin, new float[1])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two tensors \"x\"");
    assertThat(names()).isEmpty();
  }

  @Test
  void progressIsReportedAFewHundredTimesAtMost() {
    List<Long> reports = new ArrayList<>();
    List<TensorInfo> tensors = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      tensors.add(new TensorInfo("t" + i, "F32", List.of(2L)));
    }
    SafetensorsWriter.write(
        folder.resolve("out"),
        tensors,
        Map.of(),
        (name, first, target, offset, count) -> {},
        (task, done, total) -> {
          assertThat(total).isEqualTo(16_000);
          reports.add(done);
        });
    assertThat(reports).isSorted().endsWith(16_000L);
    assertThat(reports.size()).isBetween(50, 200);
  }

  private List<String> names() {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String content(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
