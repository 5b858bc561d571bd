package dev.fovea.kernels.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The binding against a driver that needs no GPU, each time in a process of its own. */
class CudaDriversTest {

  private static final String LIBRARY = "libJCudaDriver-12.6.0-linux-x86_64.so";

  @TempDir private static Path libraries;
  @TempDir private Path folder;
  private FreshJvm jvm;

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    StubLibraries.assumeBuildable();
    StubLibraries.build(libraries, "libcuda.c", "libcuda.so.1", "-Wall", "-Wextra", "-Werror");
  }

  @BeforeEach
  void prepare() throws IOException {
    jvm = new FreshJvm(libraries, folder);
  }

  @Test
  void everythingArrivesAtTheDriverAsItWasSaid() throws Exception {
    FreshJvm.Result result = jvm.run(DriverProbe.class, "everything");
    assertThat(result.output().lines())
        .containsExactly(
            "pinned [0.0, 0.0, 0.0, 0.0, 0.0]",
            "launched [10.0, 20.0, 30.0, 40.0, 50.0]",
            "recorded [10.0, 20.0, 30.0, 40.0, 50.0]",
            "replayed [0.0, 12.0, 14.0, 16.0, 18.0]",
            "milliseconds 0.5",
            "ordinary [0.0, 12.0, 14.0, 16.0, 18.0]",
            "IllegalStateException: Already closed",
            "stream abcdef012345",
            "IllegalStateException: this CUDA driver is closed; open it again",
            "temporary folder as before: true");
    assertThat(result.calls())
        .containsSubsequence(
            "cuDriverGetVersion",
            "cuInit 0",
            "cuDevicePrimaryCtxRetain 0",
            "cuCtxSetCurrent",
            "cuStreamCreate flags 1",
            "cuMemAlloc 20",
            "cuMemHostAlloc 20 flags 0",
            "cuModuleLoadDataEx ptx",
            "cuModuleGetFunction scale",
            "cuLaunchKernel 3x2x1 of 64x1x1 shared 0 0xabcdef012345 count 5 factor 10",
            "cuStreamSynchronize 0xabcdef012345",
            "cuFuncSetAttribute 8 60000",
            "cuStreamBeginCapture 0xabcdef012345 mode 1",
            "cuMemcpyHtoDAsync 20 0xabcdef012345",
            "cuLaunchKernel 3x2x1 of 64x1x1 shared 60000 0xabcdef012345 count 5 factor 2",
            "cuMemsetD8Async 0 4 0xabcdef012345",
            "cuMemcpyDtoHAsync 20 0xabcdef012345",
            "cuStreamEndCapture 0xabcdef012345",
            "cuGraphInstantiate flags 0",
            "cuGraphDestroy",
            "cuGraphUpload 0xabcdef012345",
            "cuGraphLaunch 0xabcdef012345",
            "cuGraphExecDestroy",
            "cuEventRecord 0xabcdef012345",
            "cuEventElapsedTime",
            "cuEventDestroy",
            "cuMemcpyDtoHAsync 20 0xabcdef012345",
            "cuStreamSynchronize 0xabcdef012345",
            "cuMemcpyHtoDAsync 20 0xabcdef012345",
            "cuStreamSynchronize 0xabcdef012345",
            "cuMemFreeHost",
            "cuMemFree",
            "cuMemFreeHost",
            "cuModuleUnload",
            "cuModuleUnload",
            "cuStreamDestroy 0xabcdef012345",
            "cuDevicePrimaryCtxRelease 0")
        .filteredOn(call -> call.startsWith("cuFuncSetAttribute"))
        .hasSize(1);
  }

  /** Numbers of cuda.h: 16-bit integers, 128-byte swizzle; programmatic serialization is 6. */
  @Test
  void tensorMapsAndEarlyLaunchesReachTheDriver() throws Exception {
    FreshJvm.Result result = jvm.run(DriverProbe.class, "hopper");
    assertThat(result.output())
        .startsWith("map of 128 bytes, 7 and 7\nlaunched [3.0, 6.0, 9.0, 12.0, 15.0]\n");
    assertThat(result.calls())
        .contains(
            "cuTensorMapEncodeTiled type 1 at 0x1000 of 192x30x2 strides 384 11520 box 64x128x1"
                + " interleave 0 swizzle 3 promotion 3 fill 0")
        .containsSubsequence(
            "attribute 6 is 1",
            "cuLaunchKernel 3x2x1 of 64x1x1 shared 60000 0xabcdef012345 count 5 factor 3");
  }

  @Test
  void startingAGraphAllocatesNothing() throws Exception {
    assertThat(jvm.run(DriverProbe.class, "replay").output()).startsWith("allocated 0\n");
  }

  @Test
  void aGpuIsDescribed() throws Exception {
    assertThat(jvm.run(DriverProbe.class, "open").output())
        .contains(
            "GpuFacts[name=Stub 0, capability=90, processors=132, sharedBytesPerBlock=232448,"
                + " memoryBytes=1073741824, driverVersion=12040, cacheBytes=52428800]");
  }

  @Test
  void aDiagnosisOpensNothing() throws Exception {
    FreshJvm.Result result = jvm.run(DriverProbe.class, "diagnosis");
    assertThat(result.output())
        .startsWith(
            "Stub 0, compute capability 9.0, 132 processors, 1.0 GB of memory, driver for CUDA"
                + " 12.4\n");
    assertThat(result.calls()).noneMatch(call -> call.startsWith("cuDevicePrimaryCtx"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          STUB_CAPABILITY | 90    | own kernels: hopper, ptx
          STUB_CAPABILITY | 86    | own kernels: ptx; not hopper, which are for compute capability 9.0
          STUB_VERSION    | 11080 | own kernels: ptx; not hopper, which need a driver for CUDA 12.0
          """)
  void whoMultipliesIsInTheDiagnosisAndInTheLog(String variable, int value, String kernels)
      throws Exception {
    jvm.with(variable, value).with("STUB_KERNELS", 1);
    assertThat(jvm.run(DriverProbe.class, "diagnosis").output().lines())
        .contains(kernels)
        .anyMatch(line -> line.matches("cuBLAS(| 12) can(|not) be used.*"))
        .anyMatch(line -> line.matches("cuBLASLt .*can(|not) be used.*"));
    assertThat(jvm.run(DriverProbe.class, "device").output())
        .contains("INFO: Opened CUDA, Stub 0, ", "own products", "(" + kernels + ")");
  }

  @Test
  void nativesComeFromAFolderThatIsGoneAfterwards() throws Exception {
    jvm.run(DriverProbe.class, "open");
    assertThat(jvm.temporary()).isEmptyDirectory();
  }

  @Test
  void aLibraryThatSomebodyHasPutWhereJCudaLooksIsNotLoaded() throws Exception {
    Path planted = Files.writeString(jvm.temporary().resolve(LIBRARY), "not ours");
    assertThat(jvm.run(DriverProbe.class, "open").output()).contains("Stub 0");
    assertThat(jvm.temporary().toFile().list()).containsExactly(LIBRARY);
    assertThat(planted).hasContent("not ours");
  }

  @Test
  void theModulePathWorksAsWell() throws Exception {
    FreshJvm.Result result = jvm.onModulePath().run(DriverProbe.class, "everything");
    assertThat(result.output()).contains("replayed [0.0, 12.0, 14.0, 16.0, 18.0]");
    assertThat(jvm.temporary()).isEmptyDirectory();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          STUB_INIT       | 100   | NO_DEVICE | starting the CUDA driver failed: CUDA_ERROR_NO_DEVICE (100)
          STUB_INIT       | 100   | NO_DEVICE | start a container with --gpus all
          STUB_INIT       | 9999  | FAILED    | result code 9999, which this driver does not know
          STUB_INIT       | 999   | FAILED    | often the kernel's NVIDIA module is not loaded
          STUB_DEVICES    | 0     | NO_DEVICE | shows no GPU; look at nvidia-smi
          STUB_VERSION    | 11030 | FAILED    | for CUDA 11.4 or newer is needed (470 or newer), this one is for CUDA 11.3;
          STUB_CAPABILITY | 75    | FAILED    | compute capability 8.0 or higher is needed (Ampere or newer), Stub 0 has 7.5;
          """)
  void everyReasonWhyThereIsNoGpuHasAMessage(
      String variable, int value, CudaException.Kind kind, String message) throws Exception {
    jvm.with(variable, value);
    assertThat(jvm.run(DriverProbe.class, "open").output())
        .startsWith("CudaException: " + kind + " ")
        .contains(message)
        .contains("temporary folder as before: true");
    assertThat(jvm.run(DriverProbe.class, "diagnosis").output())
        .startsWith("cannot be used: ")
        .contains(message);
    assertThat(jvm.temporary()).isEmptyDirectory();
  }

  @Test
  void withoutADriverTheMessageSaysWhatIsMissing() throws Exception {
    Path broken = Files.createDirectory(folder.resolve("broken"));
    Files.writeString(broken.resolve("libcuda.so.1"), "no library");
    FreshJvm.Result result =
        new FreshJvm(broken, Files.createDirectory(folder.resolve("run")))
            .run(DriverProbe.class, "open");
    assertThat(result.output())
        .startsWith(
            "CudaException: NO_DEVICE the NVIDIA driver is needed, and its library libcuda.so.1"
                + " cannot be loaded; install the driver (in a container: start it with --gpus"
                + " all), or use the CPU\n");
  }

  @ParameterizedTest
  @CsvSource({"Windows 11, amd64", "Mac OS X, aarch64", "Linux, aarch64"})
  void otherSystemsAreToldThatTheyAreNotSupported(String system, String processor)
      throws Exception {
    jvm.option("-Dos.name=" + system).option("-Dos.arch=" + processor);
    assertThat(jvm.run(DriverProbe.class, "diagnosis").output())
        .startsWith(
            "cannot be used: GPUs are supported on Linux on x86-64 only, this is %s on %s"
                .formatted(system, processor));
  }

  @Test
  void whereJavaForbidsNativeCodeTheMessageSaysHowToAllowIt() throws Exception {
    jvm.withoutNativeAccess().option("--illegal-native-access=deny");
    assertThat(jvm.run(DriverProbe.class, "diagnosis").output())
        .startsWith("cannot be used: Java does not let this code call native libraries; start it")
        .contains("--enable-native-access=ALL-UNNAMED");
  }

  @Test
  void ptxThatIsRefusedComesWithTheCompilersWords() throws Exception {
    assertThat(jvm.with("STUB_PTX", 222).run(DriverProbe.class, "module").output())
        .contains("compiling PTX for Stub 0 (the driver's compiler says: line 1: too new) failed")
        .contains("CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222)")
        .contains("install a newer NVIDIA driver");
  }

  @Test
  void aKernelThatIsMissingIsNamed() throws Exception {
    assertThat(jvm.run(DriverProbe.class, "kernel").output())
        .contains("finding kernel shrink failed: CUDA_ERROR_NOT_FOUND (500)");
  }

  @Test
  void tooLittleMemoryIsSaidInNumbersAndLeavesTheDriverUsable() throws Exception {
    assertThat(jvm.with("STUB_MEMORY", 4096).run(DriverProbe.class, "memory").output())
        .contains(
            "CudaException: OUT_OF_MEMORY allocating 5,000 bytes on Stub 0 (3,096 of 4,096 are"
                + " free) failed: CUDA_ERROR_OUT_OF_MEMORY (2)")
        .contains("use a smaller model")
        .contains("went on");
  }

  @ParameterizedTest
  @CsvSource({"700, CUDA_ERROR_ILLEGAL_ADDRESS", "999, CUDA_ERROR_UNKNOWN"})
  void aLostContextSaysTheSameToEveryCallAndCanBeClosed(int code, String name) throws Exception {
    FreshJvm.Result result = jvm.with("STUB_LAUNCH", code).run(DriverProbe.class, "loss");
    assertThat(result.output().lines().filter(line -> line.startsWith("CudaException")))
        .hasSize(5)
        .allSatisfy(
            line ->
                assertThat(line)
                    .startsWith("CudaException: LOST launching Launch[name=scale")
                    .contains("failed: %s (%d)".formatted(name, code))
                    .contains("close this device and open it again"));
    assertThat(result.calls())
        .filteredOn(call -> call.startsWith("cuLaunchKernel"))
        .as("launches, none of them after the loss")
        .hasSize(1);
    assertThat(result.output()).endsWith("opened again\ntemporary folder as before: true\n");
    assertThat(result.calls())
        .containsSubsequence(
            "cuDevicePrimaryCtxReset 0",
            "cuDevicePrimaryCtxRelease 0",
            "cuDevicePrimaryCtxRetain 0",
            "cuDevicePrimaryCtxRelease 0");
  }

  @Test
  void anInterruptedRecordingIsGivenUp() throws Exception {
    FreshJvm.Result result = jvm.run(DriverProbe.class, "interruption");
    assertThat(result.output())
        .contains("IllegalArgumentException: copies of a graph want memory of allocatePinned")
        .contains("IllegalStateException: no graph is being recorded");
    assertThat(result.calls()).filteredOn(call -> call.contains("BeginCapture")).hasSize(4);
    assertThat(result.calls()).filteredOn(call -> call.contains("EndCapture")).hasSize(4);
    assertThat(result.calls()).filteredOn(call -> call.equals("cuGraphDestroy")).hasSize(4);
  }

  @Test
  void mistakesOfTheCallerDoNotReachTheDriver() throws Exception {
    FreshJvm.Result result = jvm.run(DriverProbe.class, "mistakes");
    assertThat(result.output().lines().filter(line -> line.startsWith("IllegalArgument")))
        .hasSize(5);
    assertThat(result.output())
        .contains(
            "CudaException: OUT_OF_MEMORY page-locked memory comes in pieces of less than 2 GiB");
    assertThat(result.calls())
        .noneMatch(call -> call.matches("cu(MemAlloc|MemHostAlloc|MemFree|Memcpy|GraphLaunch).*"));
  }
}
