package dev.fovea.kernels.cuda.driver;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * How long work takes on a driver's stream, from events in front of it and behind. Used on the
 * driver's thread.
 */
public record EventTimer(CudaDriver driver) {

  /**
   * Puts pieces of work on the stream, one behind the other, and waits for them.
   *
   * @param work gets the numbers from 0 to {@code times - 1}
   * @return milliseconds of every piece
   */
  public float[] milliseconds(int times, IntConsumer work) {
    List<Long> events = new ArrayList<>();
    try {
      for (int i = 0; i <= times; i++) {
        events.add(driver.createEvent());
      }
      driver.recordEvent(events.get(0));
      for (int i = 0; i < times; i++) {
        work.accept(i);
        driver.recordEvent(events.get(i + 1));
      }
      driver.synchronize();
      float[] milliseconds = new float[times];
      for (int i = 0; i < times; i++) {
        milliseconds[i] = driver.millisBetween(events.get(i), events.get(i + 1));
      }
      return milliseconds;
    } finally {
      events.forEach(driver::freeEvent);
    }
  }
}
