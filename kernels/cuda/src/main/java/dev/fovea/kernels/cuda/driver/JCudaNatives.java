package dev.fovea.kernels.cuda.driver;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.regex.Pattern;
import jcuda.JCudaVersion;
import jcuda.LibUtils;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;

/**
 * Loads the native half of a JCuda library from a folder that belongs to this user and is gone
 * afterwards.
 *
 * <p>Left alone, JCuda unpacks it into the folder for temporary files under a fixed name, or loads
 * a file of that name that somebody else has put there; and on the module path it does not find it
 * in its other jar. It asks the property {@code java.io.tmpdir} for the folder when its class is
 * initialised, so that names ours for that moment. (The Java library has read the property at its
 * start and does not notice.)
 */
final class JCudaNatives {

  /** The driver. */
  static final JCudaNatives DRIVER = new JCudaNatives("JCudaDriver", JCudaDriver.class);

  /** cuBLAS. */
  static final JCudaNatives CUBLAS = new JCudaNatives("JCublas2", JCublas2.class);

  private static final String FOLDER_PROPERTY = "java.io.tmpdir";

  /** First line of a stack trace: JCuda's message consists of two of them. */
  private static final Pattern THROWN =
      Pattern.compile("^(?:Caused by: )?[\\w.]+(?:Error|Exception): (.*)$", Pattern.MULTILINE);

  private final String name;
  private final Class<?> binding;
  private boolean loaded;
  private CudaException failure;

  private JCudaNatives(String name, Class<?> binding) {
    this.name = name;
    this.binding = binding;
  }

  /**
   * Loads the library, once in a process; a failure stays, as Java does not try twice.
   *
   * @throws CudaException if it cannot be loaded; the message says why and what to do
   */
  void load() {
    synchronized (JCudaNatives.class) {
      if (failure != null) {
        throw new CudaException(failure.getMessage(), failure);
      }
      if (!loaded) {
        try {
          loadFromPrivateFolder();
          loaded = true;
        } catch (CudaException e) {
          failure = e;
          throw e;
        }
      }
    }
  }

  private void loadFromPrivateFolder() {
    checkPlatform();
    String file =
        LibUtils.createLibraryFileName(
            LibUtils.createPlatformLibraryName(name + "-" + JCudaVersion.get()));
    try {
      Path folder =
          Files.createTempDirectory(
              "fovea-cuda-",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      Path library = folder.resolve(file);
      try {
        unpack(file, library);
        initialise(folder);
      } finally {
        // The library stays mapped; Linux keeps a file that is in use without its name.
        Files.deleteIfExists(library);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new CudaException(
          "JCuda's native library %s cannot be unpacked: %s; start Java with -D%s=FOLDER, a folder"
                  .formatted(file, e, FOLDER_PROPERTY)
              + " where this process may write",
          e);
    }
  }

  /** JCuda has natives for other systems, too, but older ones, and we have tried none of them. */
  static void checkPlatform() {
    String system = System.getProperty("os.name");
    String processor = System.getProperty("os.arch");
    if (!system.equals("Linux") || !processor.equals("amd64")) {
      throw new CudaException(
          "GPUs are supported on Linux on x86-64 only, this is %s on %s; use the CPU"
              .formatted(system, processor),
          CudaException.Kind.NO_DEVICE,
          null);
    }
  }

  private static void unpack(String file, Path target) throws IOException {
    // Asked of the loader, not of a class: on the module path a class sees its own jar only.
    try (InputStream stream =
        JCudaNatives.class.getClassLoader().getResourceAsStream("lib/" + file)) {
      if (stream == null) {
        throw new CudaException(
            "JCuda's native library lib/%s is in no jar on the class path or module path; add the"
                    .formatted(file)
                + " jcuda-natives and jcublas-natives jars of classifier linux-x86_64");
      }
      Files.copy(stream, target);
    }
  }

  private void initialise(Path folder) {
    String before = System.setProperty(FOLDER_PROPERTY, folder.toString());
    try {
      MethodHandles.lookup().ensureInitialized(binding);
    } catch (LinkageError e) {
      throw new CudaException(
          "%s of JCuda %s cannot be loaded: %s"
              .formatted(name, JCudaVersion.get(), reason(String.valueOf(e.getMessage()))),
          e);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    } finally {
      if (before == null) {
        System.clearProperty(FOLDER_PROPERTY);
      } else {
        System.setProperty(FOLDER_PROPERTY, before);
      }
    }
  }

  /** The last error in a message that consists of stack traces: that of the file we unpacked. */
  private static String reason(String message) {
    return THROWN
        .matcher(message)
        .results()
        .reduce((first, second) -> second)
        .map(thrown -> thrown.group(1) + advice(thrown.group(1)))
        .orElse(message);
  }

  private static String advice(String reason) {
    return reason.contains("failed to map segment")
        ? "; nothing may be run from there: start Java with -D%s=FOLDER, another folder"
            .formatted(FOLDER_PROPERTY)
        : "";
  }
}
