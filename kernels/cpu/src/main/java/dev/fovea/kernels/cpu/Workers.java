package dev.fovea.kernels.cpu;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team of threads that shares out the pieces of one {@link Task} at a time. The calling
 * thread works along as slot 0; the others are daemon threads that spin for a moment between two
 * tasks and then sleep.
 *
 * <p>Nothing is allocated by {@link #run}.
 */
final class Workers implements AutoCloseable {

  /**
   * How long an idle thread spins before it sleeps. Longer than the gap between two steps of a
   * plan, much shorter than the gap between two requests.
   */
  private static final long SPIN_NANOS = 50_000;

  private static final int SPINS_PER_CLOCK_READ = 64;

  /**
   * High half: number of the current task. Low half: its pieces that nobody has taken yet. Who
   * lowers it by one owns a piece, and while a piece is owned the task cannot change.
   */
  private final AtomicLong tickets = new AtomicLong();

  private final AtomicInteger unfinished = new AtomicInteger();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final AtomicBoolean busy = new AtomicBoolean();

  /** 1 for each slot whose thread sleeps or is about to. */
  private final AtomicIntegerArray asleep;

  private final Thread[] threads;
  private volatile Task task;
  private volatile Thread waitingCaller;
  private volatile boolean closed;

  /**
   * Starts {@code width - 1} threads.
   *
   * @throws OutOfMemoryError if the system does not give so many
   */
  Workers(int width) {
    if (width < 1) {
      throw new IllegalArgumentException("threads must be 1 or more, got " + width);
    }
    asleep = new AtomicIntegerArray(width);
    threads = new Thread[width];
    try {
      for (int slot = 1; slot < width; slot++) {
        int own = slot;
        threads[slot] =
            Thread.ofPlatform().daemon().name("fovea-worker-" + slot).start(() -> work(own));
      }
    } catch (OutOfMemoryError e) { // The system gives no more threads; nobody else ends these.
      close();
      throw e;
    }
  }

  /** Threads that compute, the caller's included; slots run from 0 to here. */
  int width() {
    return threads.length;
  }

  /**
   * Runs the tasks one after another, each on all threads, and returns when all are done.
   *
   * <p>If pieces of a task fail, its other pieces still run, no further task does, and the first
   * failure is thrown here.
   *
   * @throws IllegalStateException if the workers are closed, or busy for another caller
   */
  void run(Task[] tasks) {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "the device is busy with another plan; run one plan at a time");
    }
    try {
      for (Task next : tasks) {
        if (closed) {
          throw new IllegalStateException("the device is closed; open a new one");
        }
        parallel(next);
        rethrowFailure();
      }
    } finally {
      busy.set(false);
    }
  }

  private void parallel(Task next) {
    int count = next.count();
    if (count == 0) {
      return;
    }
    task = next;
    unfinished.set(count);
    long number = (tickets.get() >>> 32) + 1;
    tickets.set(number << 32 | count);
    wake(count - 1);
    takePieces(0);
    awaitOthers();
    task = null;
  }

  private void wake(int useful) {
    int wanted = Math.min(useful, threads.length - 1);
    for (int slot = 1; slot <= wanted; slot++) {
      if (asleep.get(slot) == 1) {
        LockSupport.unpark(threads[slot]);
      }
    }
  }

  private void takePieces(int slot) {
    while (true) {
      long ticket = tickets.get();
      int left = (int) ticket;
      if (left == 0) {
        return;
      }
      if (tickets.compareAndSet(ticket, ticket - 1)) {
        Task current = task;
        try {
          current.run(current.count() - left, slot);
        } catch (Throwable e) {
          failure.compareAndSet(null, e);
        }
        if (unfinished.decrementAndGet() == 0) {
          LockSupport.unpark(waitingCaller);
        }
      }
    }
  }

  private void awaitOthers() {
    long deadline = System.nanoTime() + SPIN_NANOS;
    boolean interrupted = false;
    for (int spins = 1; unfinished.get() != 0; spins++) {
      if (spins % SPINS_PER_CLOCK_READ != 0 || System.nanoTime() < deadline) {
        Thread.onSpinWait();
        continue;
      }
      waitingCaller = Thread.currentThread();
      if (unfinished.get() != 0) {
        LockSupport.park(this);
        interrupted |= Thread.interrupted();
      }
    }
    waitingCaller = null;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void rethrowFailure() {
    Throwable thrown = failure.get();
    if (thrown == null) {
      return;
    }
    failure.set(null);
    switch (thrown) {
      case Error error -> throw error;
      case RuntimeException exception -> throw exception;
      default -> throw new IllegalStateException(thrown);
    }
  }

  private void work(int slot) {
    while (!closed) {
      takePieces(slot);
      awaitTask(slot);
    }
  }

  private void awaitTask(int slot) {
    long deadline = System.nanoTime() + SPIN_NANOS;
    for (int spins = 1; idle(); spins++) {
      if (spins % SPINS_PER_CLOCK_READ != 0 || System.nanoTime() < deadline) {
        Thread.onSpinWait();
        continue;
      }
      asleep.set(slot, 1);
      if (idle()) {
        LockSupport.park(this);
      }
      asleep.set(slot, 0);
      deadline = System.nanoTime() + SPIN_NANOS;
    }
  }

  private boolean idle() {
    return !closed && (int) tickets.get() == 0;
  }

  /** Ends the threads. Idempotent. */
  @Override
  public void close() {
    closed = true;
    for (int slot = 1; slot < threads.length; slot++) {
      LockSupport.unpark(threads[slot]);
    }
  }
}
