package dev.fovea;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs images of the usual size until that does not get faster any more: what the {@link Rehearsal}
 * could not know (loops of this length, the resizing of photographs) is compiled, and the plan is
 * there.
 *
 * @param preprocessing of the model, which says what the usual size is
 */
record WarmUp(Session session, Preprocessing preprocessing) {

  /** Side of the image where the preprocessing leaves it open: that of a 224 pixel image. */
  private static final int USUAL_PATCHES = 16;

  private static final int FEWEST_PATCHES = 2;
  private static final int MOST_RUNS = 12;
  private static final int RUNS_IN_VAIN = 3;
  private static final int LARGEST_PHOTOGRAPH = 2048;

  /** Time for the compiler between two runs. */
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /**
   * First a tiny image that is normalised already, so that the compiler does not take photographs
   * for all that there are; then photographs.
   */
  void run(FeatureRequest request) {
    int width = preprocessing.cropWidth();
    int height = preprocessing.cropHeight();
    int patch = session.config().patch();
    boolean known = width > 0 && width % patch == 0 && height % patch == 0;
    if (known) {
      Preprocessor.outputSize(width, height, preprocessing); // Says so if that is too large.
      int shrunk = Math.min(2 * preprocessing.shortest(), LARGEST_PHOTOGRAPH);
      Image photograph = shrunk > 0 ? blank(shrunk, shrunk) : blank(width, height);
      repeat(planes(FEWEST_PATCHES * patch), request, 1);
      repeat(photograph, request, MOST_RUNS);
    } else {
      repeat(planes(USUAL_PATCHES * patch), request, MOST_RUNS);
    }
  }

  private static Image blank(int width, int height) {
    return Image.rgb(width, height, new byte[3 * width * height]);
  }

  private static Image planes(int side) {
    return Image.planes(side, side, new float[3 * side * side]);
  }

  /** Runs an image until some times in a row it was not a tenth faster than ever before. */
  private void repeat(Image image, FeatureRequest request, int most) {
    FeatureLayout layout = session.layout(image, request);
    MemorySegment target = MemorySegment.ofArray(new float[layout.floats()]);
    long best = Long.MAX_VALUE;
    int inVain = 0;
    for (int i = 0; i < most && inVain < RUNS_IN_VAIN; i++) {
      long begin = System.nanoTime();
      session.run(image, request, target);
      long nanos = System.nanoTime() - begin;
      inVain = nanos < 0.9 * best ? 0 : inVain + 1;
      best = Math.min(best, nanos);
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }
}
