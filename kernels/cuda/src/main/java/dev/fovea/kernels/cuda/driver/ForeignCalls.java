package dev.fovea.kernels.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Two functions of the CUDA driver that JCuda does not know: tensor maps, and launches with
 * attributes. Drivers have both since CUDA 12.0; an older one is only told so when they are called.
 */
final class ForeignCalls {

  // Numbers of cuda.h.
  private static final int UINT16 = 1;
  private static final int NO_INTERLEAVE = 0;
  private static final int SWIZZLE_128_BYTES = 3;
  private static final int PROMOTE_TO_256_BYTES = 3;
  private static final int FILL_WITH_ZEROS = 0;
  private static final int PROGRAMMATIC_STREAM_SERIALIZATION = 6;

  // CUlaunchConfig: grid, block and shared bytes as ints, then stream, attributes and their number.
  private static final long CONFIGURATION_BYTES = 56;
  private static final long STREAM_AT = 32;
  private static final long ATTRIBUTES_AT = 40;
  private static final long ATTRIBUTE_COUNT_AT = 48;

  // CUlaunchAttribute: its number, and from byte 8 on a value of 64 bytes.
  private static final long ATTRIBUTE_BYTES = 72;
  private static final long ATTRIBUTE_VALUE_AT = 8;

  private final MethodHandle encodeTiled;
  private final MethodHandle launchKernelEx;

  /**
   * Looks the functions up.
   *
   * @param library the driver's, which JCuda has loaded
   */
  @SuppressWarnings("restricted") // Checked by CudaDrivers, which loads the same library.
  ForeignCalls(String library, Arena arena) {
    SymbolLookup symbols = SymbolLookup.libraryLookup(library, arena);
    // Map, type, rank, address, sizes, strides, box, element strides, interleave, swizzle,
    // promotion, fill.
    encodeTiled =
        find(
            symbols,
            "cuTensorMapEncodeTiled",
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_LONG,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT);
    // Configuration, function, parameters, extra.
    launchKernelEx = find(symbols, "cuLaunchKernelEx", ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG);
  }

  /** A function that returns a result code; null if the driver is too old for it. */
  @SuppressWarnings("restricted")
  private static MethodHandle find(SymbolLookup symbols, String name, MemoryLayout... arguments) {
    return symbols
        .find(name)
        .map(
            address ->
                Linker.nativeLinker()
                    .downcallHandle(address, FunctionDescriptor.of(JAVA_INT, arguments)))
        .orElse(null);
  }

  /** True if launches can start early. */
  boolean launchesEarly() {
    return launchKernelEx != null;
  }

  /** Writes an encoded map to memory that is aligned to its own size; a result code. */
  int encode(TensorMap map, MemorySegment target) {
    if (encodeTiled == null) {
      throw new CudaException(
          "kernels for compute capability 9.0 need a driver for CUDA 12.0 or newer (525); update"
              + " the driver, or choose the kernels 'ptx'");
    }
    try (Arena call = Arena.ofConfined()) {
      return (int)
          encodeTiled.invokeExact(
              target,
              UINT16,
              3,
              map.address(),
              call.allocateFrom(JAVA_LONG, map.columns(), map.rows(), map.images()),
              call.allocateFrom(JAVA_LONG, map.rowBytes(), map.imageBytes()),
              call.allocateFrom(JAVA_INT, TensorMap.BOX_COLUMNS, map.boxRows(), 1),
              call.allocateFrom(JAVA_INT, 1, 1, 1),
              NO_INTERLEAVE,
              SWIZZLE_128_BYTES,
              PROMOTE_TO_256_BYTES,
              FILL_WITH_ZEROS);
    } catch (Throwable e) {
      throw unexpected("cuTensorMapEncodeTiled", e);
    }
  }

  /** Starts a kernel before the end of the one in front of it; a result code. */
  int launchEarly(Launch launch, long stream, MemorySegment parameters) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment attribute = call.allocate(ATTRIBUTE_BYTES, Long.BYTES);
      attribute.set(JAVA_INT, 0, PROGRAMMATIC_STREAM_SERIALIZATION);
      attribute.set(JAVA_INT, ATTRIBUTE_VALUE_AT, 1);
      MemorySegment configuration = call.allocate(CONFIGURATION_BYTES, Long.BYTES);
      int[] numbers = {
        launch.gridX(), launch.gridY(), launch.gridZ(), launch.threads(), 1, 1, launch.sharedBytes()
      };
      MemorySegment.copy(numbers, 0, configuration, JAVA_INT, 0, numbers.length);
      configuration.set(JAVA_LONG, STREAM_AT, stream);
      configuration.set(ADDRESS, ATTRIBUTES_AT, attribute);
      configuration.set(JAVA_INT, ATTRIBUTE_COUNT_AT, 1);
      return (int) launchKernelEx.invokeExact(configuration, launch.function(), parameters, 0L);
    } catch (Throwable e) {
      throw unexpected("cuLaunchKernelEx", e);
    }
  }

  /** A downcall throws nothing of its own. */
  private static RuntimeException unexpected(String function, Throwable e) {
    if (e instanceof CudaException known) {
      throw known;
    }
    return new IllegalStateException("calling " + function + " failed: " + e, e);
  }
}
