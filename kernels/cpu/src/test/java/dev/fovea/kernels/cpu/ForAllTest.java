package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.WeightStorage;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ForAllTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void everyPieceIsDoneOnce(int threads) {
    AtomicIntegerArray done = new AtomicIntegerArray(100);
    try (Device device = device(threads)) {
      device.forAll(0, done::incrementAndGet);
      device.forAll(100, done::incrementAndGet);
    }
    for (int i = 0; i < done.length(); i++) {
      assertThat(done.get(i)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void aFailureReachesTheCallerAndTheDeviceGoesOn(int threads) {
    AtomicIntegerArray done = new AtomicIntegerArray(8);
    try (Device device = device(threads)) {
      assertThatThrownBy(() -> device.forAll(8, piece -> Integer.parseInt("piece " + piece)))
          .isInstanceOf(NumberFormatException.class);
      device.forAll(8, done::incrementAndGet);
    }
    assertThat(done.get(7)).isEqualTo(1);
  }

  private static Device device(int threads) {
    return new CpuDeviceProvider().open(new DeviceOptions("auto", threads, WeightStorage.F32));
  }
}
