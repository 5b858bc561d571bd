package dev.fovea;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Makes the just-in-time compiler compile a forward pass before there is one, while the weights are
 * still being read: runs a network of the model's kind, but of the smallest size, on a CPU device
 * of its own with one thread. Once for every kind in a Java virtual machine. Devices whose kernels
 * are compiled otherwise need none.
 *
 * <p>The compiler replaces a method after a number of calls that does not depend on how much each
 * of them does, and until then an operation of the Vector API takes half a microsecond. So a kernel
 * is compiled soonest when it is called often and for little. What that brings is in the journal,
 * under "Start-up".
 */
final class Rehearsal implements AutoCloseable {

  private static final Logger LOGGER = System.getLogger("dev.fovea");

  /**
   * Enough for the micro-kernels and what is called about as often. More brings the rest, too, but
   * keeps the first request waiting longer than that saves: 64 to 512 runs were tried.
   */
  private static final int RUNS = 128;

  /** What was rehearsed in this Java virtual machine, or is being. */
  private static final Set<Kind> STARTED = ConcurrentHashMap.newKeySet();

  /** Models of one kind run the same code. */
  private record Kind(DeviceOptions options, VitConfig.Mlp mlp) {}

  private final VitConfig config;
  private final FeatureRequest request;

  /** Null if it was not started, or somebody else did it. */
  private Thread thread;

  private volatile boolean stopped;

  /**
   * A rehearsal that may be started.
   *
   * @param config of the model to come
   * @param request what will be asked of it
   */
  Rehearsal(VitConfig config, FeatureRequest request) {
    this.config = config;
    this.request = request;
  }

  /** Starts, for a model that is about to be opened on {@code cpu} with these options. */
  void start(DeviceProvider cpu, DeviceOptions options) {
    DeviceOptions alone = new DeviceOptions(options.kernels(), 1, options.storage());
    if (STARTED.add(new Kind(alone, config.mlp()))) {
      thread = new Thread(() -> run(cpu, alone), "fovea-rehearsal");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** As small as can be with everything that a published model has: heads, registers, patches. */
  private static VitConfig smallest(VitConfig kind) {
    return new VitConfig(
        16, 2, 4, 32, kind.mlp(), 2, 2, 1, kind.normEpsilon(), kind.positionPolicy());
  }

  private void run(DeviceProvider cpu, DeviceOptions options) {
    try (Device device = cpu.open(options)) {
      List<ForwardPlan> plans = plans(config, request, device);
      for (int i = 0; i < RUNS && !stopped; i++) {
        plans.get(i % plans.size()).run();
      }
    } catch (RuntimeException | Error e) {
      LOGGER.log(Level.DEBUG, "No rehearsal, so the first request may take longer", e);
    }
  }

  /**
   * The forward pass of the smallest model of a kind, from 8-bit pixels and from normalised ones.
   */
  static List<ForwardPlan> plans(VitConfig kind, FeatureRequest request, Device device) {
    VitConfig config = smallest(kind);
    VisionTransformer network = new VisionTransformer(config, new Constant(config), device);
    return List.of(plan(network, config, true, request), plan(network, config, false, request));
  }

  /** Four patches by four, CLS and a register: more rows than a tile has. */
  private static ForwardPlan plan(
      VisionTransformer network, VitConfig config, boolean rgb, FeatureRequest request) {
    int patches = 4;
    int side = patches * config.patch();
    return new ForwardPlan(
        network,
        RegisterEdits.none(config),
        network.positions(patches, patches, config.registers()),
        new float[3 * 256],
        new ForwardPlan.Shape(rgb, 1, side, side, request));
  }

  /** Waits until it is over: what else runs meanwhile only keeps the compiler waiting. */
  void await() {
    boolean interrupted = false;
    while (thread != null && thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends it early. */
  @Override
  public void close() {
    stopped = true;
  }

  /** Weights of the smallest network; their values do not matter to the compiler. */
  private record Constant(VitConfig config) implements WeightSource {

    @Override
    public int elements(String name) {
      int width = config.width();
      int hidden = config.hidden();
      return switch (name.substring(name.startsWith("blocks.") ? "blocks.0.".length() : 0)) {
        case "pos_embed" -> (1 + config.grid() * config.grid()) * width;
        case "register_tokens" -> config.registers() * width;
        case "patch_embed.proj.weight" -> 3 * config.patch() * config.patch() * width;
        case "attn.qkv.weight" -> 3 * width * width;
        case "attn.qkv.bias" -> 3 * width;
        case "attn.proj.weight" -> width * width;
        case "mlp.fc1.weight", "mlp.fc2.weight", "mlp.w3.weight" -> hidden * width;
        case "mlp.fc1.bias" -> hidden;
        case "mlp.w12.weight" -> 2 * hidden * width;
        case "mlp.w12.bias" -> 2 * hidden;
        default -> width;
      };
    }

    @Override
    public void read(String name, float[] target) {
      Arrays.fill(target, 0.01f);
    }
  }
}
