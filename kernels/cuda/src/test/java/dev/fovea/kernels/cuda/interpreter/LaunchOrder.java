package dev.fovea.kernels.cuda.interpreter;

/**
 * A launch among the others. One that may start early has to wait for earlier ones by itself before
 * it touches what they write.
 */
final class LaunchOrder {

  private final int number;
  private final int unfinished;
  private boolean nextStartsEarly;
  private boolean ended;

  /**
   * A launch.
   *
   * @param number from 1
   * @param unfinished number of the first launch that may not have ended when this one starts;
   *     {@code number} if all have
   */
  private LaunchOrder(int number, int unfinished) {
    this.number = number;
    this.unfinished = unfinished;
  }

  /** Before the first launch. */
  static LaunchOrder none() {
    return new LaunchOrder(0, 0);
  }

  /**
   * The next launch.
   *
   * @param early true if it may start before this one has ended
   */
  LaunchOrder next(boolean early) {
    int first = nextStartsEarly ? unfinished : number;
    return new LaunchOrder(number + 1, early && !ended ? Math.max(1, first) : number + 1);
  }

  /** Everything until here has ended, because somebody has waited. */
  void end() {
    ended = true;
  }

  int number() {
    return number;
  }

  /** True if there may be launches before this one that have not ended when it starts. */
  boolean isEarly() {
    return unfinished < number;
  }

  /** True if the launch of this number may not have ended when this one starts. */
  boolean isUnfinished(int launch) {
    return launch >= unfinished && launch < number;
  }

  /**
   * The next launch may start from here on.
   *
   * @param waited true if this one has waited for those before it
   */
  void letNextStart(boolean waited) {
    nextStartsEarly |= !waited;
  }
}
