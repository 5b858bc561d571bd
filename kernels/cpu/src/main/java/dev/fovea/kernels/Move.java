package dev.fovea.kernels;

/** What the row of {@link Recorder#moveToRow} gets, and what is left in the others. */
public enum Move {
  /** In every column the largest of its elements. All other rows get zero. */
  EACH_MAXIMUM,
  /**
   * In all columns the same: that of all their elements which is farthest from zero, with its sign;
   * of several the one in the first row, and there in the first of the columns as they are listed.
   * All other rows get zero, except row 0, which is left as it was.
   */
  LARGEST_MAGNITUDE
}
