package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.Launch;
import dev.fovea.kernels.cuda.driver.TensorMap;
import java.lang.foreign.Arena;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The structures of arguments are as long as the committed PTX declares them. A driver copies as
 * many bytes as a kernel declares, from wherever it is pointed to, and notices nothing. No kernel
 * is run here.
 */
class ArgumentsTest {

  private static final Pattern ENTRY =
      Pattern.compile("\\.entry (\\w+)\\(\\s*\\.param \\.align \\d+ \\.b8 \\w+\\[(\\d+)]\\s*\\)");

  private static final int WIDTH = 64;
  private static final int TOKENS = 9;

  /** Takes everything and does nothing; notes how long structures are. */
  private static final class NotingDriver {

    private final Map<String, Long> declared = new TreeMap<>();
    private final Map<String, Long> written = new TreeMap<>();
    private final List<String> modules = new ArrayList<>();
    private final List<String> functions = new ArrayList<>();
    private long address = 1 << 20;

    CudaDriver driver() {
      return (CudaDriver)
          Proxy.newProxyInstance(
              CudaDriver.class.getClassLoader(),
              new Class<?>[] {CudaDriver.class},
              (proxy, method, arguments) ->
                  switch (method.getName()) {
                    case "facts" -> InterpretedGpu.HOPPER;
                    case "encode" -> new byte[TensorMap.BYTES];
                    case "loadModule" -> handle(modules, (String) arguments[0]);
                    case "function" -> function((long) arguments[0], (String) arguments[1]);
                    case "launch" -> launch((Launch) arguments[0]);
                    case "allocate" -> allocate((long) arguments[0]);
                    case "allocatePinned" -> Arena.ofAuto().allocate((long) arguments[0]);
                    default -> null;
                  });
    }

    private static long handle(List<String> objects, String object) {
      objects.add(object);
      return objects.size();
    }

    private long function(long module, String name) {
      Matcher entries = ENTRY.matcher(modules.get((int) module - 1));
      MatchResult entry =
          entries.results().filter(each -> each.group(1).equals(name)).findFirst().orElseThrow();
      declared.put(name, Long.valueOf(entry.group(2)));
      return handle(functions, name);
    }

    private Object launch(Launch launch) {
      String name = functions.get((int) launch.function() - 1);
      assertThat(written.merge(name, launch.arguments().byteSize(), Math::max))
          .as(name)
          .isEqualTo(launch.arguments().byteSize());
      return null;
    }

    private long allocate(long bytes) {
      long allocated = address;
      address += Math.ceilDiv(bytes, 256) * 256;
      return allocated;
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void areAsLongAsTheKernelsDeclare(Precision precision) {
    NotingDriver noting = new NotingDriver();
    CudaDriver driver = noting.driver();
    try (CudaDevice device = new CudaDevice(() -> driver, precision, Multiplier.PTX)) {
      GpuPacker packer = new GpuPacker(device, precision);
      Weights weights = new Weights(packer);
      int most = Math.max(ProductKernels.NORM_LINEAR.size(), ProductKernels.LINEAR_ADD.size());
      for (int i = 0; i < most; i++) {
        int number = i;
        TileChoice choice = (menu, product) -> menu.get(Math.min(number, menu.size() - 1));
        for (Multiplier multiplier : List.of(Multiplier.PTX, Multiplier.HOPPER)) {
          device.run(
              () -> {
                GpuKernels kernels = new GpuKernels(driver, precision, multiplier, choice);
                try (Scene scene = new Scene(driver, kernels, precision)) {
                  everything(scene, weights);
                }
              });
        }
      }
    }
    assertThat(noting.written).isEqualTo(noting.declared).hasSizeGreaterThan(40);
  }

  /** Packed weights of every kind. */
  private static final class Weights {

    private final GpuPacked.PatchEmbed patchEmbed;
    private final List<GpuPacked.NormLinear> normLinear = new ArrayList<>();
    private final GpuPacked.LinearAdd linearAdd;
    private final GpuPacked.Norm norm;

    Weights(GpuPacker packer) {
      float[] vector = new float[WIDTH];
      NormWeights weights = new NormWeights(vector, vector, 1e-6f);
      norm = packer.pack(weights);
      patchEmbed = packer.pack(new PatchEmbedWeights(new float[3 * 4 * WIDTH], vector, 2));
      float[] square = new float[WIDTH * WIDTH];
      linearAdd = packer.pack(new LinearAddWeights(square, vector, vector));
      for (Activation activation : Activation.values()) {
        int outputs = (activation == Activation.SWIGLU ? 2 : 1) * WIDTH;
        normLinear.add(
            packer.pack(
                new NormLinearWeights(
                    weights, new float[outputs * WIDTH], new float[outputs], activation)));
      }
    }
  }

  /** Every verb in every form. */
  private static void everything(Scene scene, Weights weights) {
    GpuKernels kernels = scene.kernels();
    GpuTokens x = scene.zeros(1, TOKENS, WIDTH, Form.RESIDUAL);
    GpuTokens half = scene.zeros(1, TOKENS, WIDTH, Form.HALF);
    GpuTokens pooled = scene.zeros(1, 1, WIDTH, Form.FULL);
    Rows all = Rows.all(x);
    Rows one = new Rows(1, 1);
    scene.run(
        plan -> {
          for (float[] lookup : new float[][] {null, new float[3 * 256]}) {
            Arena arena = Arena.ofAuto();
            GpuPixels pixels =
                new GpuPixels(null, 1, 4, 4, lookup, arena.allocate(3 * 16 * Float.BYTES));
            pixels.allocate(plan.memory());
            PositionTable positions = new PositionTable(5, WIDTH, new float[TOKENS * WIDTH]);
            kernels.patchEmbed(plan, pixels, weights.patchEmbed, positions, x);
          }
          for (Products products :
              List.of(kernels.products(), scene.library(false), scene.library(true))) {
            for (GpuPacked.NormLinear packed : weights.normLinear) {
              products.normLinear(plan, x, all, packed, Columns.all(half), half);
            }
            products.linearAdd(plan, half, all, weights.linearAdd, x);
            products.linearAdd(plan, half, one, weights.linearAdd, x);
          }
          for (int tokens : new int[] {TOKENS, 300, 3000}) {
            GpuTokens qkv = scene.zeros(1, tokens, 3 * WIDTH, Form.HALF);
            GpuTokens y = scene.zeros(1, tokens, WIDTH, Form.HALF);
            kernels.attention(plan, qkv, 1, Rows.all(qkv), y);
            GpuTokens watched = scene.zeros(1, 1, tokens, Form.FULL);
            kernels.probabilities(plan, qkv, 1, one, watched);
          }
          kernels.norm(plan, x, all, weights.norm, x);
          kernels.pool(plan, x, 5, Pooling.CLS, true, pooled);
          for (Form form : new Form[] {Form.FULL, Form.HALF}) {
            kernels.gather(plan, x, form, all, Columns.all(x), pooled.full());
            kernels.registers().write(plan, new float[WIDTH], one, Columns.all(x), x, form);
            for (Move move : Move.values()) {
              kernels.registers().moveToRow(plan, x, form, new int[] {0}, 0, move);
            }
          }
          kernels.narrow(plan, x);
          kernels.widen(plan, x);
        });
  }
}
