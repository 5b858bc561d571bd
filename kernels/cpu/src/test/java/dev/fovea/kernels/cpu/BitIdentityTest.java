package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A small Vision Transformer gives the same bits however it is run. */
class BitIdentityTest extends VerbTest {

  private final byte[][] images = new byte[5][SmallVit.IMAGE_BYTES];

  BitIdentityTest() {
    for (byte[] image : images) {
      random.nextBytes(image);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 16})
  void theNumberOfThreadsDoesNotMatter(int threads) {
    float[] expected = embed(device, images);
    try (Device other = open(threads, WeightStorage.F32)) {
      assertThat(embed(other, images)).containsExactly(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(WeightStorage.class)
  void theOtherImagesOfTheBatchDoNotMatter(WeightStorage storage) {
    try (Device own = open(2, storage)) {
      float[] batch = embed(own, images);
      int size = batch.length / images.length;
      for (int image = 0; image < images.length; image++) {
        assertThat(embed(own, images[image]))
            .containsExactly(Arrays.copyOfRange(batch, image * size, (image + 1) * size));
      }
    }
  }

  @Test
  void computingOnlySomeRowsAndColumnsDoesNotMatter() {
    Recorder recorder = device.record();
    SmallVit vit = new SmallVit(device, recorder, 2, SmallVit.ALL);
    HostBuffer all = recorder.read(vit.x, new Rows(0, 3), Columns.all(vit.x));
    HostBuffer keys = recorder.read(vit.qkv, Rows.all(vit.x), new Columns(64, 64));
    float[] wholeRows = runOnce(recorder, vit, all);
    float[] wholeKeys = keys.host().toArray(ValueLayout.JAVA_FLOAT);

    Recorder part = device.record();
    SmallVit some = new SmallVit(device, part, 2, new Rows(0, 3));
    HostBuffer first = part.read(some.x, new Rows(0, 3), Columns.all(some.x));
    Tokens onlyKeys = part.tokens(2, some.x.rows(), some.qkv.width());
    part.normLinear(some.beforeLast, Rows.all(some.x), some.lastQkv, new Columns(64, 64), onlyKeys);
    HostBuffer partKeys = part.read(onlyKeys, Rows.all(some.x), new Columns(64, 64));
    assertThat(runOnce(part, some, first)).containsExactly(wholeRows);
    assertThat(partKeys.host().toArray(ValueLayout.JAVA_FLOAT)).containsExactly(wholeKeys);
  }

  private float[] runOnce(Recorder recorder, SmallVit vit, HostBuffer result) {
    try (Plan plan = recorder.build()) {
      vit.fill(images[0], images[1]);
      plan.run();
    }
    return result.host().toArray(ValueLayout.JAVA_FLOAT);
  }

  @Test
  void theThousandthRunGivesTheBitsOfTheFirst() {
    Recorder recorder = device.record();
    SmallVit vit = new SmallVit(device, recorder, 1, SmallVit.ALL);
    HostBuffer result = vit.pooled(recorder, Pooling.CLS_MEAN);
    try (Plan plan = recorder.build()) {
      vit.fill(images[0]);
      plan.run();
      float[] first = result.host().toArray(ValueLayout.JAVA_FLOAT);
      for (int run = 2; run <= 1000; run++) {
        plan.run();
        if (MemorySegment.ofArray(first).mismatch(result.host()) >= 0) {
          assertThat(result.host().toArray(ValueLayout.JAVA_FLOAT))
              .as("run %d", run)
              .containsExactly(first);
        }
      }
    }
  }

  private static float[] embed(Device device, byte[]... images) {
    Recorder recorder = device.record();
    SmallVit vit = new SmallVit(device, recorder, images.length, SmallVit.ALL);
    HostBuffer result = vit.pooled(recorder, Pooling.CLS_MEAN);
    try (Plan plan = recorder.build()) {
      vit.fill(images);
      plan.run();
    }
    return result.host().toArray(ValueLayout.JAVA_FLOAT);
  }
}
