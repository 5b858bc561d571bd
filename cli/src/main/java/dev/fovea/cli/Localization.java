package dev.fovea.cli;

import dev.fovea.analysis.Box;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What LOST has found in an image beside what people have marked there, in the same units.
 *
 * @param box that was found
 * @param truth boxes of objects; none if nobody has marked any
 */
record Localization(Optional<Box> box, List<Box> truth) {

  private static final double FOUND = 0.5;

  /** Intersection over union with the most alike of the marked boxes; 0 where there is none. */
  double overlap() {
    return truth.stream().mapToDouble(other -> box.map(other::overlap).orElse(0.0)).max().orElse(0);
  }

  /** Whether the box overlaps a marked one by at least half. */
  boolean correct() {
    return overlap() >= FOUND;
  }

  /** In how many images the right thing was found. */
  static long correct(List<Localization> images) {
    return images.stream().filter(Localization::correct).count();
  }

  /** CorLoc in words; "none" of no images. */
  static String corLoc(List<Localization> images) {
    if (images.isEmpty()) {
      return "none";
    }
    return String.format(
        Locale.ROOT,
        "%.2f %% (%d of %d)",
        100.0 * correct(images) / images.size(),
        correct(images),
        images.size());
  }
}
