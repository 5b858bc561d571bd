package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Work in the order in which it was asked for, done when somebody waits for it; or recorded, to be
 * done often.
 */
final class WorkStream {

  private final Deque<Runnable> waiting = new ArrayDeque<>();
  private List<Runnable> capture;

  /** Puts work on the stream, or into the recording. */
  void add(Runnable work) {
    if (capture != null) {
      capture.add(work);
    } else {
      waiting.add(work);
    }
  }

  /** Puts recorded work on the stream. */
  void addAll(List<Runnable> graph) {
    waiting.addAll(graph);
  }

  /** Does everything; after a fault what is left is forgotten. */
  void finish() {
    try {
      while (!waiting.isEmpty()) {
        waiting.remove().run();
      }
    } finally {
      waiting.clear();
    }
  }

  void beginCapture() {
    capture = new ArrayList<>();
  }

  List<Runnable> endCapture() {
    if (capture == null) {
      throw new CudaException("no capture has begun that could end");
    }
    List<Runnable> recorded = capture;
    capture = null;
    return recorded;
  }

  void refuseWhileCapturing(String what) {
    if (capture != null) {
      throw new CudaException(what + " while work is being recorded; end the capture first");
    }
  }
}
