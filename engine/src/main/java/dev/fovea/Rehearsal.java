package dev.fovea;

import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Has the kernels compiled while a model is still being found and read, on a thread of its own,
 * once in a Java virtual machine. Requests wait for it, because until then they would keep the
 * compiler from its work and take a hundred times as long. What that brings is in the journal,
 * under "Start-up".
 */
final class Rehearsal {

  private static final Logger LOGGER = System.getLogger("dev.fovea");

  /** What is or was rehearsed, by what decides which kernels run. */
  private static final ConcurrentMap<List<Object>, Thread> STARTED = new ConcurrentHashMap<>();

  /** Null if the device needs none. */
  private volatile Thread thread;

  /** Starts for a device that is to be opened, unless that was done before. */
  void start(DeviceProvider provider, DeviceOptions options) {
    List<Object> kind = List.of(options.kernels(), options.storage());
    thread = STARTED.computeIfAbsent(kind, absent -> start(() -> run(provider, options)));
  }

  /** It is remembered, so it must not remember the class loader of whoever came first. */
  private static Thread start(Runnable work) {
    return Thread.ofPlatform()
        .daemon()
        .name("fovea-rehearsal")
        .inheritInheritableThreadLocals(false)
        .start(work);
  }

  private static void run(DeviceProvider provider, DeviceOptions options) {
    try {
      provider.rehearse(options);
    } catch (RuntimeException | Error e) {
      LOGGER.log(Level.DEBUG, "No rehearsal, so the first request may take longer", e);
    }
  }

  /** Waits until it is over. */
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
}
