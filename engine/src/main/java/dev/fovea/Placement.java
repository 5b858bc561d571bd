package dev.fovea;

import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Finds a model its device: the one that the options name or, with "auto", the first that can hold
 * it, and the CPU in the place of one that was lost or has no room for a request.
 */
final class Placement {

  private static final Logger LOGGER = System.getLogger("dev.fovea");

  private static final String AUTO = "auto";
  private static final String CPU = "cpu";
  private static final String CUDA_JAR = "for NVIDIA GPUs add dev.fovea:fovea-kernels-cuda";

  private final Supplier<VitWeights> source;
  private final String device;
  private final DeviceOptions options;
  private final List<DeviceProvider> providers;
  private final Rehearsal rehearsal = new Rehearsal();

  /** Whether the CPU may take over; written while a model is opened, and by its session alone. */
  private boolean replaceable;

  /**
   * A placement of one model.
   *
   * @param source opens its weights once more, when a device is lost
   * @param providers what there is
   */
  Placement(Supplier<VitWeights> source, Options options, List<DeviceProvider> providers) {
    this.source = source;
    this.device = options.device();
    this.options = new DeviceOptions(options.kernels(), options.threads(), options.storage());
    this.providers = providers;
  }

  /** The devices on the class or module path, as the engine's own class loader finds them. */
  static List<DeviceProvider> installed() {
    return ServiceLoader.load(DeviceProvider.class, Fovea.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .toList();
  }

  /** Starts what can be done before there are weights, where it is certain to be the CPU. */
  void rehearse() {
    boolean auto = device.equals(AUTO) && others().isEmpty();
    if (auto || device.equals(CPU)) {
      rehearsal.start(provider(CPU), options);
    }
  }

  /** What requests wait for. */
  Rehearsal rehearsal() {
    return rehearsal;
  }

  private List<DeviceProvider> others() {
    return providers.stream().filter(provider -> !provider.name().equals(CPU)).toList();
  }

  /**
   * Packs a model on its device.
   *
   * @throws IllegalArgumentException if the device does not know the kernels
   * @throws IllegalStateException if the device is not there, or cannot run here
   */
  VisionTransformer place(VitWeights weights) {
    if (!device.equals(AUTO)) {
      return pack(provider(device), weights);
    }
    List<DeviceProvider> others = others();
    if (others.isEmpty()) {
      LOGGER.log(Level.INFO, "Using the CPU: no other device is installed; " + CUDA_JAR);
    }
    for (DeviceProvider provider : others) {
      try {
        VisionTransformer model = pack(provider, weights);
        replaceable = true;
        return model;
      } catch (IllegalArgumentException e) { // The caller wants kernels of another device.
        logUnused(Level.INFO, provider, e);
      } catch (IllegalStateException | FoveaException | LinkageError | OutOfMemoryError e) {
        logUnused(Level.WARNING, provider, e);
      }
    }
    rehearsal.start(provider(CPU), options);
    return pack(provider(CPU), weights);
  }

  private static void logUnused(Level level, DeviceProvider provider, Throwable reason) {
    String message = reason.getMessage() == null ? reason.toString() : reason.getMessage();
    LOGGER.log(level, "Not using %s: %s".formatted(provider.name(), message));
  }

  /**
   * Packs a model anew on the CPU.
   *
   * @param loss why
   * @param config of the model that was lost
   * @throws DeviceLostException if the options want that device and no other, or the weights cannot
   *     be read or packed any more
   */
  VisionTransformer replace(DeviceLostException loss, VitConfig config) {
    return replace(loss, config, message -> new DeviceLostException(message, loss));
  }

  /**
   * The same where the device is well but has no room for a request, however much is given up for
   * it.
   *
   * @throws OutOfMemoryError likewise, or if the model is on the CPU already
   */
  VisionTransformer replace(OutOfMemoryError shortage, VitConfig config) {
    return replace(shortage, config, OutOfMemoryError::new);
  }

  private <F extends Throwable> VisionTransformer replace(
      F failure, VitConfig config, Function<String, F> unplaced) throws F {
    if (!replaceable) {
      throw failure;
    }
    try (VitWeights weights = source.get()) {
      if (!weights.config().equals(config)) {
        throw new CheckpointException(
            "%s is another model by now: %s, it was %s"
                .formatted(weights.source(), weights.config(), config));
      }
      VisionTransformer model = pack(provider(CPU), weights);
      replaceable = false;
      LOGGER.log(Level.WARNING, "Going on with the CPU: " + failure.getMessage());
      return model;
    } catch (RuntimeException | OutOfMemoryError e) {
      F both =
          unplaced.apply(
              "%s; the CPU cannot take over, because %s"
                  .formatted(failure.getMessage(), e.getMessage()));
      both.addSuppressed(e);
      throw both;
    }
  }

  private VisionTransformer pack(DeviceProvider provider, VitWeights weights) {
    Device opened = provider.open(options);
    try {
      return new VisionTransformer(weights.config(), WeightSource.of(weights), opened);
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  private DeviceProvider provider(String name) {
    return providers.stream()
        .filter(provider -> provider.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(missing(name)));
  }

  private String missing(String name) {
    List<String> names = providers.stream().map(DeviceProvider::name).sorted().toList();
    return "no device '%s': there is %s, and auto for the best of them%s"
        .formatted(name, String.join(", ", names), names.contains("cuda") ? "" : "; " + CUDA_JAR);
  }
}
