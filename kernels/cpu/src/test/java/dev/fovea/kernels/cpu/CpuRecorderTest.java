package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import java.lang.foreign.ValueLayout;
import java.util.ServiceLoader;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Wrong arguments are told apart and named before anything runs. */
class CpuRecorderTest {

  private static final DeviceOptions OPTIONS = new DeviceOptions("scalar", 1, WeightStorage.F32);

  private final Device device = new CpuDeviceProvider().open(OPTIONS);
  private final Recorder recorder = device.record();
  private final Tokens x = recorder.tokens(2, 10, 8);
  private final Tokens wide = recorder.tokens(2, 10, 24);
  private final NormWeights norm = new NormWeights(new float[8], new float[8], 1);
  private final Packed<NormLinearWeights> widen =
      device.pack(new NormLinearWeights(norm, new float[192], new float[24], Activation.NONE));

  @AfterEach
  void close() {
    device.close();
  }

  @Test
  void isFoundAsAService() {
    assertThat(ServiceLoader.load(DeviceProvider.class))
        .hasAtLeastOneElementOfType(CpuDeviceProvider.class);
  }

  @Test
  void rowsMustBeInside() {
    refuses(
        () -> recorder.normLinear(x, new Rows(5, 6), widen, Columns.all(wide), wide),
        "rows 5 to 11");
    refuses(() -> recorder.norm(x, new Rows(11, 0), device.pack(norm), x), "rows 11 to 11");
  }

  @Test
  void columnsMustBeInside() {
    refuses(
        () -> recorder.normLinear(x, Rows.all(x), widen, new Columns(20, 5), wide),
        "columns 20 to 25");
    refuses(() -> recorder.read(x, Rows.all(x), new Columns(8, 1)), "columns 8 to 9");
  }

  @Test
  void columnsThatMoveMustBeDifferentOnes() {
    refuses(() -> recorder.moveToRow(x, new int[] {8}, 0, Move.EACH_MAXIMUM), "column 8");
    refuses(() -> recorder.moveToRow(x, new int[] {-1}, 0, Move.EACH_MAXIMUM), "column -1");
    refuses(() -> recorder.moveToRow(x, new int[] {3, 3}, 0, Move.EACH_MAXIMUM), "listed twice");
    refuses(() -> recorder.moveToRow(x, new int[] {3}, 10, Move.EACH_MAXIMUM), "row 10");
  }

  @Test
  void whatIsWrittenMustFit() {
    refuses(
        () -> recorder.write(new float[8], new Rows(10, 1), Columns.all(x), x), "rows 10 to 11");
    refuses(
        () -> recorder.write(new float[8], new Rows(0, 1), new Columns(1, 8), x), "columns 1 to 9");
    refuses(
        () -> recorder.write(new float[7], new Rows(0, 1), Columns.all(x), x),
        "the number of elements is 7, expected 8");
  }

  @Test
  void widthsMustFitTheWeights() {
    refuses(
        () -> recorder.normLinear(wide, Rows.all(x), widen, Columns.all(x), x),
        "x's width is 24, expected 8");
    Packed<LinearAddWeights> add =
        device.pack(new LinearAddWeights(new float[16], new float[8], new float[8]));
    refuses(() -> recorder.linearAdd(wide, Rows.all(x), add, x), "a's width is 24, expected 2");
  }

  @Test
  void imagesMustBeWholePatches() {
    Packed<PatchEmbedWeights> patches =
        device.pack(new PatchEmbedWeights(new float[8 * 3 * 4], new float[8], 2));
    refuses(
        () ->
            recorder.patchEmbed(
                recorder.planes(2, 4, 5), patches, new PositionTable(1, 8, new float[80]), x),
        "4 x 5 pixels are not whole patches of 2");
  }

  @Test
  void attentionChecksHeadsAndWatchedRows() {
    refuses(() -> recorder.attention(wide, 3, Rows.all(x), x), "3 heads");
    refuses(() -> recorder.attention(x, 1, Rows.all(x), wide), "qkv's width is 8, expected 72");
    Tokens p = recorder.tokens(2, 4, 10);
    refuses(
        () -> recorder.attention(wide, 2, new Rows(2, 3), x, new Rows(1, 2), p),
        "not a part of the queries");
    refuses(
        () -> recorder.attention(wide, 2, new Rows(2, 3), x, new Rows(2, 3), p),
        "probabilities' rows is 4, expected 6");
  }

  @Test
  void aMeanNeedsPatches() {
    Tokens y = recorder.tokens(2, 1, 8);
    refuses(() -> recorder.pool(x, 10, Pooling.MEAN, false, y), "no patches of 10 rows");
  }

  @Test
  void aMatrixThatNoArrayCanHoldIsRefused() {
    refuses(() -> recorder.tokens(50_000, 50_000, 50_000), "smaller batch or image");
    refuses(() -> recorder.tokens(1, 0, 8), "positive sizes, got 1 x 0 x 8");
  }

  @Test
  void resultsMustNotBeInputs() {
    refuses(() -> recorder.normLinear(x, Rows.all(x), widen, Columns.all(x), x), "another matrix");
  }

  @Test
  void handlesOfOthersAreRefused() {
    Tokens foreign = device.record().tokens(2, 10, 8);
    refuses(
        () -> recorder.normLinear(foreign, Rows.all(x), widen, Columns.all(wide), wide),
        "not declared by this recorder");
    try (Device other = new CpuDeviceProvider().open(OPTIONS)) {
      refuses(() -> recorder.norm(x, Rows.all(x), other.pack(norm), x), "packed by another device");
    }
  }

  @Test
  void aRecorderBuildsOnePlan() {
    recorder.build().close();
    assertThatThrownBy(() -> recorder.tokens(1, 1, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(recorder::build).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aRecordingThatWasGivenUpGivesNoPlan() {
    recorder.close();
    recorder.close();
    assertThatThrownBy(() -> recorder.tokens(1, 1, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("start a new recorder");
    assertThatThrownBy(recorder::build).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void closingARecorderLeavesItsPlanAlone() {
    HostBuffer result = recorder.read(x, Rows.all(x), Columns.all(x));
    Plan plan = recorder.build();
    result.host().set(ValueLayout.JAVA_FLOAT_UNALIGNED, 0, 1);
    recorder.close();
    plan.run();
    assertThat(result.host().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0)).isZero();
  }

  @Test
  void aClosedPlanOrDeviceDoesNotRun() {
    recorder.read(x, Rows.all(x), Columns.all(x));
    Plan closed = recorder.build();
    closed.close();
    closed.close();
    assertThatThrownBy(closed::run)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("plan is closed");
    Recorder next = device.record();
    Tokens t = next.tokens(1, 1, 1);
    next.read(t, Rows.all(t), Columns.all(t));
    Plan plan = next.build();
    plan.run();
    assertThat(plan.bytes()).isGreaterThanOrEqualTo(8);
    device.close();
    assertThatThrownBy(plan::run)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("device is closed");
  }

  @Test
  void optionsAreChecked() {
    CpuDeviceProvider provider = new CpuDeviceProvider();
    refuses(() -> provider.open(new DeviceOptions("fast", 1, WeightStorage.F32)), "got 'fast'");
    refuses(() -> provider.open(new DeviceOptions("auto", -1, WeightStorage.F32)), "got -1");
    assertThat(provider.diagnosis()).contains("kernels").contains("processors");
  }

  @Test
  void weightsWithoutElementsOrActivationAreRefused() {
    NormWeights norm = new NormWeights(new float[8], new float[8], 1e-6f);
    float[] none = {};
    refuses(() -> new NormWeights(none, none, 1e-6f), "LayerNorm weight is empty");
    refuses(() -> new NormLinearWeights(norm, none, none, Activation.NONE), "bias is empty");
    refuses(() -> new LinearAddWeights(none, none, none), "bias is empty");
    refuses(() -> new PatchEmbedWeights(none, none, 2), "bias is empty");
    refuses(() -> new PatchEmbedWeights(none, new float[8], 0), "positive, got 0");
    assertThatThrownBy(() -> new NormLinearWeights(norm, new float[64], new float[8], null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("activation");
  }

  private static void refuses(ThrowingCallable call, String message) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
