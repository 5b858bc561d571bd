package dev.fovea.kernels.cuda.interpreter;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The names between two braces, and those around them. */
final class Scope {

  /** What a name stands for. */
  sealed interface Binding {}

  /**
   * A register.
   *
   * @param number its own in the kernel
   */
  record Register(int number, PtxType type) implements Binding {

    /** Where its row starts. */
    int row() {
      return number * Warp.LANES;
    }
  }

  /** Memory that has a name. */
  record Place(Space space, long address) implements Binding {}

  /** A place in the code, known when the code before it has been translated. */
  static final class Label implements Binding {
    private int counter = -1;

    int counter() {
      return counter;
    }

    void place(int position) {
      counter = position;
    }
  }

  /** The table of an indexed branch. */
  record Targets(List<String> labels) implements Binding {}

  private final Scope outer;
  private final Map<String, Binding> bindings = new HashMap<>();

  Scope(Scope outer) {
    this.outer = outer;
  }

  void bind(String name, Binding binding) {
    bindings.put(name, binding);
  }

  /** What the name stands for, null if nothing. */
  Binding find(String name) {
    Binding binding = bindings.get(name);
    return binding != null || outer == null ? binding : outer.find(name);
  }
}
