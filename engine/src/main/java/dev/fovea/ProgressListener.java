package dev.fovea;

/** Told how far a long piece of work is: a conversion, a download. */
@FunctionalInterface
public interface ProgressListener {

  /** Listens to nothing. */
  ProgressListener NONE = (task, done, total) -> {};

  /**
   * Called from the working thread, a few hundred times at most.
   *
   * @param task what is being done, in a few words
   * @param done bytes done
   * @param total bytes in all, or -1 where unknown
   */
  void progress(String task, long done, long total);
}
