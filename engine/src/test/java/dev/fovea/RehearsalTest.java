package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When kernels are rehearsed, and who waits for it. */
@Timeout(60)
class RehearsalTest {

  private final List<String> events = Collections.synchronizedList(new ArrayList<>());
  private final CountDownLatch mayEnd = new CountDownLatch(1);

  /** What was rehearsed once is not rehearsed again, so every test asks for other kernels. */
  private final String kernels = "kernels " + UUID.randomUUID();

  private final Rehearsed cpu = new Rehearsed();

  @Test
  void itBeginsBeforeTheWeightsAreOpenedAndOnlyOnce() throws InterruptedException {
    for (int i = 0; i < 2; i++) {
      Supplier<VitWeights> weights =
          () -> {
            cpu.awaitStart();
            events.add("weights");
            return weights();
          };
      open(weights, List.of(cpu)).close();
    }
    assertThat(events).containsExactly("rehearsal", "weights", "weights");
  }

  @Test
  void aRequestWaitsForItsEndEvenIfInterrupted() throws InterruptedException {
    try (Fovea model = open(RehearsalTest::weights, List.of(cpu))) {
      Thread request =
          new Thread(
              () -> {
                model.embed(Image.planes(28, 28, new float[3 * 28 * 28]));
                events.add("answer, interrupted: " + Thread.currentThread().isInterrupted());
              });
      request.start();
      request.interrupt();
      cpu.awaitStart();
      request.join(100);
      events.add("end");
      mayEnd.countDown();
      request.join();
    }
    assertThat(events).containsExactly("rehearsal", "end", "answer, interrupted: true");
  }

  @Test
  void ifItFailsNothingElseDoes() {
    cpu.failure = new IllegalStateException("no rehearsal");
    try (Fovea model = open(RehearsalTest::weights, List.of(cpu))) {
      assertThat(model.embed(Image.planes(28, 28, new float[3 * 28 * 28]))).hasSize(128);
    }
  }

  @Test
  void theCpuIsNotRehearsedWhereAnotherDeviceMayTakeTheModel() {
    List<DeviceProvider> devices = List.of(cpu, new TestDevices());
    Supplier<VitWeights> weights =
        () -> {
          events.add("weights");
          return weights();
        };
    Options auto = Options.DEFAULT.withThreads(1).withDevice("auto");
    Fovea.open(weights, auto.withKernels("fast"), devices).close();
    assertThat(events).containsExactly("weights");
    Fovea.open(weights, auto.withKernels(kernels), devices).close(); // The other has none such.
    cpu.awaitStart();
    assertThat(events).containsExactly("weights", "weights", "rehearsal");
  }

  @Test
  void anUnknownDeviceIsStillAnErrorOfItsOwn() {
    Options options = Options.DEFAULT.withDevice("abacus");
    assertThatThrownBy(() -> Fovea.open(RehearsalTest::weights, options, List.of(cpu)))
        .hasMessageContaining("abacus");
    assertThat(events).isEmpty();
  }

  private Fovea open(Supplier<VitWeights> weights, List<DeviceProvider> devices) {
    return Fovea.open(weights, Options.DEFAULT.withThreads(1).withKernels(kernels), devices);
  }

  private static VitWeights weights() {
    return VitWeights.of(new SyntheticCheckpoint("synthetic:tiny"), null, null, null);
  }

  /** The CPU, with a rehearsal that lasts until it may end. */
  private final class Rehearsed implements DeviceProvider {

    private final DeviceProvider real =
        Placement.installed().stream()
            .filter(provider -> provider.name().equals("cpu"))
            .findFirst()
            .orElseThrow();

    private final CountDownLatch started = new CountDownLatch(1);
    private RuntimeException failure;

    void awaitStart() {
      try {
        started.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public String name() {
      return "cpu";
    }

    @Override
    public String diagnosis() {
      return real.diagnosis();
    }

    @Override
    public Device open(DeviceOptions options) {
      return real.open(new DeviceOptions("auto", options.threads(), options.storage()));
    }

    @Override
    public void rehearse(DeviceOptions options) {
      if (failure != null) {
        throw failure;
      }
      events.add("rehearsal");
      started.countDown();
      try {
        mayEnd.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
