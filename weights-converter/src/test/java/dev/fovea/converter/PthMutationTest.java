package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.CheckpointException;
import dev.fovea.converter.PthBuilder.Sizes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files end in the documented exception, whatever is damaged. */
class PthMutationTest {

  private static final int MEMORY_MUTATIONS = 80_000;
  private static final int PICKLE_MUTATIONS = 80_000;
  private static final int FILE_MUTATIONS = 2_000;

  /** Values that are at the edge of some size, count or offset. */
  private static final int[] EDGES = {0, 1, 2, 0x7F, 0x80, 0xFF, 0xFE, '.', '(', 'R', 'Q', 'h'};

  /** A few KB with everything in it that torch.save writes. */
  private static byte[] pickle() {
    PickleWriter pickle = PickleWriter.begin().op('}').text("model").orderedDict().op('(');
    for (int i = 0; i < 6; i++) {
      pickle.text("blocks." + i + ".weight");
      long[] strides = i % 2 == 0 ? new long[] {4, 1} : new long[] {1, 3};
      pickle.tensor("FloatStorage", "" + i, 12, 0, new long[] {3, 4}, strides);
    }
    pickle
        .text("norm.weight")
        .global("torch._utils", "_rebuild_parameter")
        .op('(')
        .vector("HalfStorage", "6", 24)
        .op('q')
        .op(1)
        .op(0x88)
        .orderedDict()
        .op('t')
        .op('R')
        .text("norm.bias")
        .op('h')
        .op(1)
        .op('u');
    return pickle.op('}').text("_metadata").op('}').op('s').op('b').op('s').stop();
  }

  private static byte[] file(Sizes sizes) {
    PthBuilder file = new PthBuilder().sizes(sizes).pickle(pickle());
    for (int i = 0; i < 7; i++) {
      file.floats("" + i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    }
    return file.add("model/byteorder", new byte[] {'l', 'i', 't', 't', 'l', 'e'}).build();
  }

  @Test
  void theFileIsSoundBeforeItIsDamaged() {
    for (Sizes sizes : Sizes.values()) {
      assertThat(readEverything(file(sizes))).isEqualTo(6 * 12 + 24 + 24);
    }
  }

  @Test
  void damagedFilesEndInTheDocumentedException() {
    byte[] narrow = file(Sizes.NARROW);
    byte[] wide = file(Sizes.WIDE);
    int refused =
        mutate(
            MEMORY_MUTATIONS,
            random -> random.nextBoolean() ? narrow : wide,
            bytes -> {
              readEverything(bytes);
            });
    assertThat(refused).isBetween(MEMORY_MUTATIONS / 4, MEMORY_MUTATIONS - 1);
  }

  @Test
  void damagedPicklesEndInTheDocumentedException() {
    byte[] pickle = pickle();
    int refused = mutate(PICKLE_MUTATIONS, random -> pickle, bytes -> Pickle.parse(bytes, "test"));
    assertThat(refused).isBetween(PICKLE_MUTATIONS / 4, PICKLE_MUTATIONS - 1);
  }

  @Test
  void damagedFilesOnDiskLeaveNothingBehind(@TempDir Path folder) throws IOException {
    byte[] file = file(Sizes.WIDE);
    Path path = folder.resolve("damaged.pth");
    mutate(
        FILE_MUTATIONS,
        random -> file,
        bytes -> {
          write(path, bytes);
          PthCheckpoint.open(path).close();
        });
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(path);
    }
  }

  private static void write(Path path, byte[] bytes) {
    try {
      Files.write(path, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns how many of the mutations were refused; anything but that or success propagates. */
  private static int mutate(
      int mutations, Function<SplittableRandom, byte[]> original, Consumer<byte[]> read) {
    int refused = 0;
    for (int seed = 0; seed < mutations; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      byte[] bytes = damage(original.apply(random), random);
      try {
        read.accept(bytes);
      } catch (CheckpointException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    return refused;
  }

  private static byte[] damage(byte[] original, SplittableRandom random) {
    byte[] bytes = original.clone();
    for (int n = random.nextInt(1, 4); n > 0; n--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(6)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> bytes[at] = (byte) EDGES[random.nextInt(EDGES.length)];
        case 3 -> {
          int from = random.nextInt(bytes.length);
          int length = Math.min(random.nextInt(1, 32), bytes.length - Math.max(at, from));
          System.arraycopy(original, Math.min(from, original.length - length), bytes, at, length);
        }
        case 4 -> {
          int end = Math.min(bytes.length, at + 8);
          Arrays.fill(bytes, at, end, (byte) (random.nextBoolean() ? 0xFF : 0x7F));
        }
        default -> {
          if (random.nextInt(8) == 0) {
            bytes = Arrays.copyOf(bytes, at + 1);
          }
        }
      }
    }
    return bytes;
  }

  /** Returns the number of elements. */
  private static long readEverything(byte[] file) {
    long elements = 0;
    try (PthCheckpoint checkpoint =
        PthCheckpoint.parse(MemorySegment.ofArray(file), "damaged.pth", () -> {})) {
      for (var tensor : checkpoint.tensors().values()) {
        // A tensor has no more elements than the file has bytes.
        float[] values = new float[Math.toIntExact(tensor.elements())];
        assertThat(values.length).isLessThanOrEqualTo(file.length);
        checkpoint.read(tensor.name(), 0, values, 0, values.length);
        elements += values.length;
      }
    }
    return elements;
  }
}
