package dev.fovea.bench.gpu;

/** A part of the suite with a file of its own. */
interface Stage {

  /** Its name, and that of its file. */
  String name();

  /**
   * Does it, or as much of it as there is time for.
   *
   * @param results gets every row as soon as it is there
   */
  void run(Setting setting, Results results);
}
