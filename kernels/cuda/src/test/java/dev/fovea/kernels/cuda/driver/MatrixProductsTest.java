package dev.fovea.kernels.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.MatrixProducts.ElementType;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Epilogue;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** NVIDIA's libraries as stubs that multiply as the definitions say, on a stub of the driver. */
class MatrixProductsTest {

  @Nested
  class OnStubs {

    @TempDir private Path folder;
    private Path libraries;
    private FreshJvm jvm;

    @BeforeEach
    void prepare() throws IOException, InterruptedException {
      StubLibraries.assumeBuildable();
      libraries = Files.createDirectory(folder.resolve("libraries"));
      StubLibraries.build(libraries, "libcuda.c", "libcuda.so.1");
      jvm = new FreshJvm(libraries, folder);
    }

    /** JCuda's library asks for symbols of version 12, by the library's whole name. */
    private void buildCublas(int version) throws IOException, InterruptedException {
      String name = "libcublas.so." + version;
      Path versions = Files.writeString(libraries.resolve("versions"), name + " { *; };");
      StubLibraries.build(
          libraries, "libcublas.c", name, "-DCUBLAS", "-Wl,--version-script=" + versions, "-lm");
    }

    /** A libcublas.so.12 that passes calls on, made as on a machine with CUDA 13 alone. */
    private void forwardCublas() throws IOException, InterruptedException {
      Path script = Path.of("../../bench/forward-cublas");
      Process process =
          new ProcessBuilder(script.toString(), libraries.toString())
              .redirectErrorStream(true)
              .start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor()).as(output).isZero();
    }

    private void buildCublasLt(int version) throws IOException, InterruptedException {
      StubLibraries.build(
          libraries,
          "libcublas.c",
          "libcublasLt.so." + version,
          "-Wall",
          "-Wextra",
          "-Werror",
          "-DVERSION=" + version,
          "-lm");
    }

    /** The dynamic linker stops at a file of the right name, so none of this machine is found. */
    private void breakLibrary(String name) throws IOException {
      Files.writeString(libraries.resolve(name), "no library");
    }

    @Test
    void cublasGetsTheMatricesAsTheyLie() throws Exception {
      buildCublas(12);
      FreshJvm.Result result = jvm.run(ProductsProbe.class, "cublas");
      assertThat(result.output().lines())
          .hasSize(17)
          .startsWith("cuBLAS 12.6.2")
          .allMatch(line -> line.startsWith("cuBLAS") || line.matches("NONE .* wrong: 0"));
      assertThat(result.calls())
          .containsSubsequence(
              "cublasCreate",
              "cublasSetStream 0xb1a5 0xabcdef012345",
              "cuMemAlloc 33554432",
              "cublasSetWorkspace 0xb1a5 33554432",
              "cublasSetMathMode 0xb1a5 16",
              "cublasGemmEx 0xb1a5",
              "cublasDestroy 0xb1a5",
              "cuMemFree",
              "cuDevicePrimaryCtxRelease 0");
      assertThat(jvm.temporary()).isEmptyDirectory();
    }

    @Test
    void cublas13IsReachedWhereCallsArePassedOn() throws Exception {
      buildCublas(13);
      forwardCublas();
      FreshJvm.Result result = jvm.run(ProductsProbe.class, "cublas");
      assertThat(result.output().lines())
          .hasSize(17)
          .startsWith("cuBLAS 12.6.2")
          .allMatch(line -> line.startsWith("cuBLAS") || line.matches("NONE .* wrong: 0"));
      assertThat(result.calls())
          .containsSubsequence(
              "cublasCreate",
              "cublasSetStream 0xb1a5 0xabcdef012345",
              "cublasSetWorkspace 0xb1a5 33554432",
              "cublasSetMathMode 0xb1a5 16",
              "cublasGemmEx 0xb1a5",
              "cublasDestroy 0xb1a5");
    }

    @Test
    void passingOnToNothingIsAnErrorAndNoCrash() throws Exception {
      breakLibrary("libcublas.so.13");
      forwardCublas();
      assertThat(jvm.run(ProductsProbe.class, "cublas").output())
          .contains("libcublas.so.13: file too short")
          .contains("CudaException: starting cuBLAS failed: CUBLAS_STATUS_NOT_INITIALIZED");
    }

    @ParameterizedTest
    @CsvSource({
      "12, cuBLASLt 12.2.5 (libcublasLt.so.12)",
      "13, cuBLASLt 13.2.5 (libcublasLt.so.13)"
    })
    void cublasLtGetsTheMatricesAsTheyLie(int version, String description) throws Exception {
      if (version == 12) {
        breakLibrary("libcublasLt.so.13");
      }
      buildCublasLt(version);
      FreshJvm.Result result = jvm.run(ProductsProbe.class, "cublaslt");
      assertThat(result.output().lines())
          .hasSize(49)
          .startsWith(description)
          .allMatch(line -> line.startsWith("cuBLAS") || line.endsWith(" wrong: 0"));
      assertThat(result.calls())
          .contains(
              "preference 1 8 33554432",
              "preference 3 4 2",
              "preference 5 4 16",
              "preference 6 4 16",
              "preference 7 4 16",
              "preference 8 4 16",
              "cublasLtMatmul 0xb1a5 0xabcdef012345",
              "cublasLtDestroy 0xb1a5");
      assertThat(result.calls())
          .as("shapes that were asked for")
          .filteredOn(call -> call.equals("cublasLtMatmulAlgoGetHeuristic"))
          .hasSize(24);
      assertThat(result.calls())
          .filteredOn(call -> call.equals("cublasLtMatmulDescDestroy"))
          .hasSize(24);
      assertThat(result.calls())
          .filteredOn(call -> call.equals("cublasLtMatrixLayoutDestroy"))
          .hasSize(72);
    }

    @ParameterizedTest
    @CsvSource({"cublas, multiplying with cuBLAS failed", "cublaslt, cublasLtMatmul failed"})
    void aProductThatFailsSaysHow(String library, String message) throws Exception {
      buildCublas(12);
      buildCublasLt(13);
      assertThat(jvm.with("STUB_CUBLAS", 15).run(ProductsProbe.class, library).output())
          .contains("CudaException: " + message + ": CUBLAS_STATUS_NOT_SUPPORTED");
    }

    @Test
    void aShapeWithoutAnAlgorithmIsNamed() throws Exception {
      buildCublasLt(13);
      assertThat(jvm.with("STUB_HEURISTICS", 0).run(ProductsProbe.class, "cublaslt").output())
          .contains("cuBLASLt 13.2.5 (libcublasLt.so.13) has no algorithm for Shape[rows=5,");
    }

    @Test
    void aLibraryThatIsNotThereIsMissedByName() throws Exception {
      breakLibrary("libcublas.so.12");
      breakLibrary("libcublasLt.so.12");
      breakLibrary("libcublasLt.so.13");
      assertThat(jvm.run(ProductsProbe.class, "cublas").output())
          .startsWith("CudaException: JCublas2 of JCuda 12.6.0 cannot be loaded: ")
          .contains("libcublas.so.12: file too short")
          .contains("JCuda wants libcublas.so.12 of CUDA 12");
      assertThat(jvm.run(ProductsProbe.class, "cublaslt").output())
          .startsWith(
              "CudaException: neither libcublasLt.so.13 nor libcublasLt.so.12 can be loaded;");
      assertThat(jvm.run(DriverProbe.class, "diagnosis").output())
          .startsWith("Stub 0, ")
          .contains("\ncuBLAS cannot be used: JCublas2 of JCuda 12.6.0 cannot be loaded: ")
          .contains("\ncuBLASLt cannot be used: neither ");
      assertThat(jvm.temporary()).isEmptyDirectory();
    }

    @Test
    void aDiagnosisNamesWhatIsThere() throws Exception {
      buildCublas(12);
      buildCublasLt(13);
      assertThat(jvm.run(DriverProbe.class, "diagnosis").output())
          .contains("\ncuBLAS 12 can be used\n")
          .contains("\ncuBLASLt 13.2.5 (libcublasLt.so.13) can be used\n");
    }
  }

  @Test
  void shapesThatNoLibraryTakesAreRefused() {
    assertThatThrownBy(() -> shape(0, 64, ElementType.F16, ElementType.F16))
        .hasMessageContaining("not 0, 64 and 64");
    assertThatThrownBy(() -> shape(64, 60, ElementType.F16, ElementType.F16))
        .hasMessageContaining("rows of A lie at least 64 numbers apart, a multiple of 8, not 60");
    assertThatThrownBy(() -> shape(64, 68, ElementType.F16, ElementType.F16))
        .hasMessageContaining("a multiple of 8, not 68");
    assertThatThrownBy(() -> shape(64, 64, ElementType.F32, ElementType.F32))
        .hasMessageContaining("operands have 16 bits");
    assertThatThrownBy(() -> shape(64, 64, ElementType.F16, ElementType.BF16))
        .hasMessageContaining("not F16 and BF16");
  }

  private static Shape shape(int rows, int strideA, ElementType operands, ElementType result) {
    return new Shape(rows, 64, 64, strideA, 64, 64, operands, result, Epilogue.NONE, false);
  }
}
