package dev.fovea.plots;

import java.awt.Color;

/** The colours of a chart: for light pages and for dark ones. */
public enum Theme {
  /** Dark lines on white. */
  LIGHT(0xffffff, 0x22262e, 0xe2e5ea),
  /** Light lines on dark gray. */
  DARK(0x1c2027, 0xdfe3ea, 0x3a404b);

  private final Color paper;
  private final Color ink;
  private final Color grid;

  Theme(int paper, int ink, int grid) {
    this.paper = new Color(paper);
    this.ink = new Color(ink);
    this.grid = new Color(grid);
  }

  /** The background. */
  public Color paper() {
    return paper;
  }

  /** Text and axes. */
  public Color ink() {
    return ink;
  }

  /** Lines behind the curves. */
  public Color grid() {
    return grid;
  }
}
