package dev.fovea.analysis;

import dev.fovea.PatchGrid;
import java.util.stream.IntStream;

/** Patches that share an edge. */
final class Neighbours {

  private Neighbours() {}

  /**
   * The patches above, to the left, to the right and below, in that order, where there are such.
   */
  static int[] of(PatchGrid grid, int patch) {
    int columns = grid.columns();
    int column = grid.column(patch);
    return IntStream.of(
            patch - columns,
            column > 0 ? patch - 1 : -1,
            column < columns - 1 ? patch + 1 : -1,
            patch + columns < grid.patches() ? patch + columns : -1)
        .filter(neighbour -> neighbour >= 0)
        .toArray();
  }
}
