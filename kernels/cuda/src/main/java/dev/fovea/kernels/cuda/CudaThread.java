package dev.fovea.kernels.cuda;

import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The one thread that talks to the driver: a context belongs to a thread of the operating system,
 * and callers may be virtual ones. Handing work over allocates nothing.
 */
final class CudaThread implements AutoCloseable {

  private final Thread thread;

  /** One caller at a time. */
  private final ReentrantLock turn = new ReentrantLock(true);

  private volatile Thread caller;
  private volatile Runnable work;
  private volatile boolean done;
  private Throwable failure;
  private volatile boolean closed;

  CudaThread() {
    thread = Thread.ofPlatform().daemon().name("fovea-cuda").start(this::serve);
  }

  /** Runs {@code task} on the thread, waits for its end, and throws what it throws. */
  void run(Runnable task) {
    turn.lock();
    try {
      if (closed) {
        throw new IllegalStateException("this device is closed; open it again");
      }
      hand(task);
      rethrow();
    } finally {
      turn.unlock();
    }
  }

  /** Runs {@code task} on the thread and returns what it returns. */
  <T> T call(Callable<T> task) {
    AtomicReference<T> result = new AtomicReference<>();
    run(
        () -> {
          try {
            result.set(task.call());
          } catch (RuntimeException e) {
            throw e;
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
    return result.get();
  }

  private void hand(Runnable task) {
    failure = null;
    done = false;
    caller = Thread.currentThread();
    work = task;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (!done) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void rethrow() {
    switch (failure) {
      case null -> {}
      case Error e -> throw e;
      case RuntimeException e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  private void serve() {
    while (true) {
      Runnable task = work;
      if (task != null) {
        work = null;
        serve(task);
      } else if (closed) {
        return;
      } else {
        LockSupport.park(this);
      }
    }
  }

  private void serve(Runnable task) {
    try {
      task.run();
    } catch (Throwable e) {
      failure = e;
    }
    Thread waiting = caller;
    done = true;
    LockSupport.unpark(waiting);
  }

  /** Ends the thread. Idempotent. */
  @Override
  public void close() {
    turn.lock();
    try {
      closed = true;
      LockSupport.unpark(thread);
    } finally {
      turn.unlock();
    }
  }
}
