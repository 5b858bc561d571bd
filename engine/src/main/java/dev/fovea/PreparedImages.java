package dev.fovea;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Images on their way into plans, in their order. Where the processors have nothing to do while a
 * plan runs, the next ones are prepared meanwhile, on the threads of the common pool. What goes
 * wrong with an image is thrown when its turn comes, so callers see the first error of all.
 *
 * <p>An image that no thread has begun with is prepared by the caller, so nobody waits for a pool
 * that is busy, or full of callers who wait as well.
 */
final class PreparedImages implements AutoCloseable {

  private final Iterator<Image> images;
  private final int ahead;
  private final Function<Image, PreparedImage> prepare;
  private final Consumer<PreparedImage> giveBack;
  private final Deque<Preparation> begun = new ArrayDeque<>();

  /**
   * Takes images in.
   *
   * @param ahead most images that are prepared before they are asked for
   * @param prepare is called from several threads
   * @param giveBack gets what was prepared in vain
   */
  PreparedImages(
      List<Image> images,
      int ahead,
      Function<Image, PreparedImage> prepare,
      Consumer<PreparedImage> giveBack) {
    this.images = images.iterator();
    this.ahead = ahead;
    this.prepare = prepare;
    this.giveBack = giveBack;
  }

  boolean hasNext() {
    return !begun.isEmpty() || images.hasNext();
  }

  /** The next image, or what went wrong with it. */
  PreparedImage next() {
    while (begun.size() <= ahead && images.hasNext()) {
      Preparation preparation = new Preparation(images.next());
      if (!begun.isEmpty()) {
        ForkJoinPool.commonPool().execute(preparation);
      }
      begun.add(preparation);
    }
    return begun.remove().await();
  }

  /** Ends what is ahead; nothing reads an image afterwards. */
  @Override
  public void close() {
    begun.forEach(Preparation::giveUp);
    begun.clear();
  }

  /** One image, which whoever comes first prepares. */
  private final class Preparation implements Runnable {

    private final Image image;
    private final AtomicBoolean taken = new AtomicBoolean();
    private final CompletableFuture<PreparedImage> result = new CompletableFuture<>();

    Preparation(Image image) {
      this.image = image;
    }

    @Override
    public void run() {
      if (taken.compareAndSet(false, true)) {
        try {
          result.complete(prepare.apply(image));
        } catch (RuntimeException | Error e) {
          result.completeExceptionally(e);
        }
      }
    }

    PreparedImage await() {
      run();
      try {
        return result.join();
      } catch (CompletionException e) {
        switch (e.getCause()) {
          case Error error -> throw error;
          case RuntimeException exception -> throw exception;
          default -> throw e;
        }
      }
    }

    void giveUp() {
      if (!taken.compareAndSet(false, true)) {
        result.thenAccept(giveBack).exceptionally(failure -> null).join();
      }
    }
  }
}
