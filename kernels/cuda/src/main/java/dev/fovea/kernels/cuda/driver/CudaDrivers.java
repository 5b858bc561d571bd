package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

/** Looks for a GPU and opens it. Every reason why there is none has a message of its own. */
public final class CudaDrivers {

  /** PTX ISA 7.0 came with CUDA 11.0, and the call by which JCuda makes graphs with CUDA 11.4. */
  private static final int OLDEST_DRIVER = 11040;

  /** 16-bit tensor cores with bfloat16, and asynchronous copies to shared memory. */
  private static final int LOWEST_CAPABILITY = 80;

  static final String LIBRARY = "libcuda.so.1";

  private CudaDrivers() {}

  /**
   * Opens the first GPU that the driver shows, on the thread that will use it.
   *
   * @throws CudaException if there is none that can be used; the message says why and what to do
   */
  public static CudaDriver open() {
    Gpu gpu = find();
    return new JCudaBinding(new JCudaContext(gpu.device(), gpu.facts()));
  }

  /**
   * What {@link #open} would give, or why it would fail; where there is a GPU, also who can
   * multiply matrices on it. Opens nothing.
   *
   * @param kernels says it of our own kernels
   */
  public static String diagnosis(Function<GpuFacts, String> kernels) {
    try {
      GpuFacts facts = find().facts();
      return String.join("\n", describe(facts), kernels.apply(facts), cublas(), cublasLt());
    } catch (CudaException e) {
      return "cannot be used: " + e.getMessage();
    }
  }

  private static String cublas() {
    try {
      Cublas.load();
      return "cuBLAS 12 can be used";
    } catch (CudaException e) {
      return "cuBLAS cannot be used: " + e.getMessage();
    }
  }

  private static String cublasLt() {
    try {
      return CublasLt.describe(CublasLtLibrary.load()) + " can be used";
    } catch (CudaException e) {
      return "cuBLASLt cannot be used: " + e.getMessage();
    }
  }

  private static String describe(GpuFacts facts) {
    return "%s, compute capability %s, %d processors, %s of memory, driver for CUDA %s"
        .formatted(
            facts.name(),
            capability(facts.capability()),
            facts.processors(),
            gigabytes(facts.memoryBytes()),
            version(facts.driverVersion()));
  }

  private record Gpu(CUdevice device, GpuFacts facts) {}

  private static Gpu find() {
    JCudaNatives.checkPlatform();
    checkLibrary();
    JCudaNatives.DRIVER.load();
    // Exceptions of JCuda would not know the result code; every code is looked at.
    JCudaDriver.setExceptionsEnabled(false);
    int version = driverVersion();
    initialise();
    CUdevice device = new CUdevice();
    check(JCudaDriver.cuDeviceGet(device, 0), "asking the driver for the first GPU");
    GpuFacts facts = facts(device, version);
    if (facts.capability() < LOWEST_CAPABILITY) {
      throw new CudaException(
          "a GPU of compute capability %s or higher is needed (Ampere or newer), %s has %s; choose"
                  .formatted(
                      capability(LOWEST_CAPABILITY), facts.name(), capability(facts.capability()))
              + " another GPU with CUDA_VISIBLE_DEVICES, or use the CPU");
    }
    return new Gpu(device, facts);
  }

  /** JCuda's own complaint would be a page of stack traces, and final for this process. */
  @SuppressWarnings("restricted") // The library is NVIDIA's, and JCuda would load it next.
  private static void checkLibrary() {
    try {
      SymbolLookup.libraryLookup(LIBRARY, Arena.global());
    } catch (IllegalArgumentException e) {
      throw new CudaException(
          "the NVIDIA driver is needed, and its library %s cannot be loaded; install the driver (in a"
                  .formatted(LIBRARY)
              + " container: start it with --gpus all), or use the CPU",
          Kind.NO_DEVICE,
          e);
    } catch (IllegalCallerException e) {
      throw new CudaException(
          "Java does not let this code call native libraries; start it with"
              + " --enable-native-access=ALL-UNNAMED, or with"
              + " --enable-native-access=dev.fovea.kernels.cuda,jcuda,jcublas on the module path",
          e);
    }
  }

  private static int driverVersion() {
    int[] version = new int[1];
    check(JCudaDriver.cuDriverGetVersion(version), "asking the driver for its version");
    if (version[0] < OLDEST_DRIVER) {
      throw new CudaException(
          "an NVIDIA driver for CUDA %s or newer is needed (470 or newer), this one is for CUDA %s;"
                  .formatted(version(OLDEST_DRIVER), version(version[0]))
              + " update the driver, or use the CPU");
    }
    return version[0];
  }

  private static void initialise() {
    check(JCudaDriver.cuInit(0), "starting the CUDA driver");
    int[] count = new int[1];
    check(JCudaDriver.cuDeviceGetCount(count), "counting GPUs");
    if (count[0] == 0) {
      throw new CudaException(
          "the NVIDIA driver is there and shows no GPU; look at nvidia-smi and at"
              + " CUDA_VISIBLE_DEVICES, or use the CPU",
          Kind.NO_DEVICE,
          null);
    }
  }

  private static GpuFacts facts(CUdevice device, int driverVersion) {
    byte[] name = new byte[256];
    check(JCudaDriver.cuDeviceGetName(name, name.length, device), "asking for the GPU's name");
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    long[] memory = new long[1];
    check(JCudaDriver.cuDeviceTotalMem(memory, device), "asking for the GPU's memory");
    return new GpuFacts(
        new String(name, 0, length, StandardCharsets.UTF_8),
        10 * attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
            + attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        memory[0],
        driverVersion,
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE));
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, device),
        "asking for attribute %d of the GPU".formatted(attribute));
    return value[0];
  }

  private static void check(int result, String what) {
    if (result != 0) {
      throw CudaErrors.failure(result, what);
    }
  }

  private static String capability(int capability) {
    return capability / 10 + "." + capability % 10;
  }

  private static String version(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  private static String gigabytes(long bytes) {
    return "%.1f GB".formatted(bytes / (double) (1L << 30));
  }
}
