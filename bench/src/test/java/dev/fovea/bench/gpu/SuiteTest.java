package dev.fovea.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The suite from its arguments to its files, on the PTX interpreter and at tiny sizes. */
class SuiteTest {

  private static final Gpu INTERPRETED =
      new Gpu("interpreted", InterpretedDriver::new, () -> "PTX is interpreted");

  private static final ModelSize TINY = new ModelSize("tiny", 128, 512, false);
  private static final ModelSize TINY_SWIGLU = new ModelSize("tiny-swiglu", 128, 344, true);

  /** Nine tokens. */
  private static final Batch ONE = new Batch(28, 1);

  private static final Batch TWO = new Batch(28, 2);

  private static final Scale SMALL =
      new Scale(
          List.of(TWO),
          List.of(TWO),
          List.of(ONE),
          List.of(ONE),
          List.of(TWO),
          List.of(28),
          List.of(9),
          1 << 16,
          List.of(64),
          1,
          2,
          0,
          2);

  @TempDir private Path folder;

  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  private int run(Gpu gpu, ModelSize model, String... more) throws IOException {
    PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8);
    String[] arguments = new String[more.length + 2];
    arguments[0] = "--out";
    arguments[1] = folder.toString();
    System.arraycopy(more, 0, arguments, 2, more.length);
    return new Suite(gpu, SMALL, List.of(model), out).run(arguments);
  }

  private String output() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  private List<Map<String, Object>> rows(String stage) {
    return Results.read(folder.resolve(stage + ".json"));
  }

  @Test
  void factsAndCeilingsAreWritten() throws IOException {
    assertThat(run(INTERPRETED, TINY, "--only", "facts,ceilings")).as(output()).isZero();
    assertThat(rows("facts"))
        .singleElement()
        .satisfies(
            row -> assertThat(row).containsEntry("device", "PTX interpreter").containsKey("jvm"));
    assertThat(rows("ceilings"))
        .extracting(row -> row.get("what"))
        .contains(
            "copy on the device",
            "one more kernel in a graph",
            "host: a launch",
            "a product of 64 x 64 x 64 by normLinear");
    assertThat(folder.resolve("gpu.md")).content().contains("## facts", "## ceilings");
    run(INTERPRETED, TINY, "--only", "facts");
    assertThat(folder.resolve("gpu.md"))
        .content()
        .as("files of earlier runs count")
        .contains("## facts", "## ceilings");
  }

  @Test
  void everyVerbAndTileIsCheckedInBothPrecisions() throws IOException {
    assertThat(run(INTERPRETED, TINY_SWIGLU, "--only", "kernels")).as(output()).isZero();
    List<Map<String, Object>> rows = rows("kernels");
    assertThat(rows).allSatisfy(row -> assertThat(row).containsEntry("pass", true));
    for (String precision : List.of("f16", "bf16")) {
      assertThat(rows)
          .filteredOn(row -> row.get("precision").equals(precision))
          .extracting(row -> row.get("verb"))
          .contains(
              "patch-embed",
              "qkv",
              "attention",
              "projection",
              "mlp-first",
              "mlp-second",
              "norm-pool",
              "attention-probabilities",
              "patch-embed-planes",
              "norm-pool-normalize",
              "registers-hidden",
              "registers-residual");
      assertThat(rows)
          .filteredOn(row -> row.get("precision").equals(precision))
          .extracting(row -> row.get("tile"))
          .contains("norm_linear_128x128", "linear_add_64x128", "patch_embed_64x128");
    }
  }

  @Test
  void modelsAreComparedAndTheirBitsToo() throws IOException {
    assertThat(run(INTERPRETED, TINY, "--only", "models,determinism")).as(output()).isZero();
    assertThat(rows("models"))
        .filteredOn(row -> row.get("multiplier").equals("auto"))
        .hasSize(2)
        .allSatisfy(
            row -> {
              assertThat(row).containsEntry("pass", true);
              assertThat((List<?>) row.get("block_relative_l2")).hasSize(2);
              assertThat(((Number) row.get("attention_relative_l2")).doubleValue())
                  .isBetween(1e-6, 2e-2);
            });
    assertThat(folder.resolve("image.rgb")).hasSize(3 * 28 * 28);
    assertThat(folder.resolve("tiny-f16.safetensors")).isNotEmptyFile();
    assertThat(rows("determinism"))
        .hasSize(2 * 2)
        .allSatisfy(row -> assertThat(row).containsEntry("pass", true));
  }

  @Test
  void speedHasARowForEverySize() throws IOException {
    assertThat(run(INTERPRETED, TINY, "--only", "speed")).as(output()).isZero();
    List<Map<String, Object>> rows = rows("speed");
    assertThat(rows)
        .filteredOn(
            row -> row.get("what").equals("forward") && "auto".equals(row.get("multiplier")))
        .hasSize(2 * 2)
        .allSatisfy(
            row ->
                assertThat(row)
                    .containsEntry("engine", "fovea")
                    .containsKeys(
                        "pixels",
                        "batch",
                        "precision",
                        "output",
                        "milliseconds",
                        "minimum_milliseconds",
                        "images_per_second",
                        "with_copies_milliseconds"));
    assertThat(rows).filteredOn(row -> row.get("what").equals("latency")).hasSize(2);
    assertThat(rows)
        .filteredOn(row -> row.get("what").equals("product") && row.containsKey("teraflops"))
        .extracting(row -> row.get("product"))
        .containsExactly(
            "qkv",
            "projection",
            "mlp-first",
            "mlp-second",
            "qkv",
            "projection",
            "mlp-first",
            "mlp-second");
    assertThat(rows)
        .as("libraries that are not there have a row that says so")
        .filteredOn(row -> row.containsKey("error"))
        .isNotEmpty();
  }

  @Test
  void tilesAreTimedIntoATable() throws IOException {
    assertThat(run(INTERPRETED, TINY, "--only", "tiles")).as(output()).isZero();
    assertThat(folder.resolve("tiles.csv"))
        .content()
        .startsWith("rows,columns,depth,processors,tile\n9,384,128,4,norm_linear_")
        .contains("\n9,128,512,4,linear_add_");
  }

  /** On a GPU with kernels of its own, these and those for all GPUs are checked. */
  @Test
  void hopperKernelsAreCheckedAndSoAreThoseOfAllGpus() throws IOException {
    GpuFacts facts = new GpuFacts("PTX interpreter", 90, 4, 227 << 10, 2L << 30, 13000);
    Gpu hopper =
        new Gpu("interpreted", () -> new InterpretedDriver(facts), () -> "PTX is interpreted");
    assertThat(run(hopper, TINY, "--only", "kernels")).as(output()).isZero();
    List<Map<String, Object>> rows = rows("kernels");
    assertThat(rows).allSatisfy(row -> assertThat(row).containsEntry("pass", true));
    assertThat(rows)
        .filteredOn(row -> row.get("kernels").equals("auto"))
        .extracting(row -> row.get("tile"))
        .contains("hopper_norm_linear_pair_128x256", "hopper_linear_add_128x96");
    assertThat(rows)
        .filteredOn(row -> row.get("kernels").equals("ptx"))
        .extracting(row -> row.get("tile"))
        .contains("norm_linear_128x128", "linear_add_64x128");
  }

  /** A softmax whose powers are missing: attention has to fail, its probabilities, nothing else. */
  @Test
  void aWrongKernelIsReported() throws IOException {
    Gpu wrong = new Gpu("interpreted", SuiteTest::driverWithAWrongKernel, () -> "wrong on purpose");
    assertThat(run(wrong, TINY, "--only", "kernels")).isEqualTo(1);
    assertThat(rows("kernels"))
        .filteredOn(row -> row.get("pass").equals(false))
        .extracting(row -> row.get("verb"))
        .containsExactly(
            "attention", "attention-probabilities", "attention", "attention-probabilities");
    assertThat(output()).contains("FAILED kernels: {verb=attention");
  }

  private static CudaDriver driverWithAWrongKernel() {
    CudaDriver driver = new InterpretedDriver();
    return (CudaDriver)
        Proxy.newProxyInstance(
            SuiteTest.class.getClassLoader(),
            new Class<?>[] {CudaDriver.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("loadModule")) {
                arguments[0] = ((String) arguments[0]).replace("ex2.approx.ftz.f32", "mov.f32");
              }
              try {
                return method.invoke(driver, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** The GPU is gone in the middle of the second stage. */
  @Test
  void aStageThatBreaksOffLeavesWhatWasThere() throws IOException {
    AtomicInteger openings = new AtomicInteger();
    Gpu failing =
        new Gpu(
            "interpreted",
            () -> {
              // The look at the device, the facts, the kernels in f16: and no more.
              if (openings.incrementAndGet() > 3) {
                throw new CudaException("the GPU has gone");
              }
              return new InterpretedDriver();
            },
            () -> "fails on purpose");
    assertThat(run(failing, TINY, "--only", "facts,kernels,tiles")).isEqualTo(1);
    assertThat(output())
        .contains("FAILED kernels broke off", "FAILED tiles broke off", "the GPU has gone");
    assertThat(rows("facts")).hasSize(1);
    assertThat(rows("kernels"))
        .isNotEmpty()
        .allSatisfy(row -> assertThat(row).containsEntry("precision", "f16"));
    assertThat(folder.resolve("gpu.md")).content().contains("## facts", "## kernels");
  }

  @Test
  void withoutADeviceTheSuiteSaysSoAndEndsWell() throws IOException {
    Gpu none =
        new Gpu(
            "cuda",
            () -> {
              throw new CudaException("the NVIDIA driver is needed", Kind.NO_DEVICE, null);
            },
            () -> "cannot be used: the NVIDIA driver is needed");
    assertThat(run(none, TINY)).isZero();
    assertThat(output()).startsWith("no device: the NVIDIA driver is needed");
    assertThat(rows("facts"))
        .singleElement()
        .satisfies(
            row -> assertThat(row).containsEntry("no_device", "the NVIDIA driver is needed"));
  }

  /** A broken driver must not look like a machine that never had a GPU. */
  @Test
  void aDeviceThatCannotBeOpenedIsAFailure() throws IOException {
    Gpu broken =
        new Gpu(
            "cuda",
            () -> {
              throw new CudaException("starting the CUDA driver failed");
            },
            () -> "cannot be used");
    assertThat(run(broken, TINY)).isEqualTo(1);
    assertThat(output()).contains("FAILED opening the GPU: starting the CUDA driver failed");
    assertThat(folder.resolve("facts.json")).doesNotExist();
  }

  @Test
  void wrongArgumentsAreExplained() throws IOException {
    assertThat(run(INTERPRETED, TINY, "--only", "all")).isEqualTo(2);
    assertThat(output()).contains("no stage 'all'", "Usage:");
  }

  @Test
  void nothingIsBegunWhenTheTimeIsOver() throws IOException {
    assertThat(run(INTERPRETED, TINY, "--budget", "0")).isZero();
    assertThat(output()).contains("facts: not begun");
    assertThat(folder.resolve("facts.json")).doesNotExist();
  }
}
