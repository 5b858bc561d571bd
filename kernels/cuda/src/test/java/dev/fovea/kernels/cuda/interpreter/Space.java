package dev.fovea.kernels.cuda.interpreter;

import java.util.Locale;

/** The state spaces in which memory is addressed. */
enum Space {
  /**
   * Whatever the address says: shared and local memory and parameters have windows of their own.
   */
  GENERIC(0),
  GLOBAL(0),
  /** Constants live in global memory. */
  CONST(0),
  SHARED(0x7000_0000_0000L),
  /** Shared memory of all blocks of a cluster; lies in the window of shared memory. */
  CLUSTER(0x7000_0000_0000L),
  LOCAL(0x7100_0000_0000L),
  PARAM(0x7200_0000_0000L);

  /** Bytes from the start of one window to the next; no space is larger than that. */
  private static final long WINDOW = 1L << 40;

  private final long window;

  Space(long window) {
    this.window = window;
  }

  /** Generic address of the space's address 0; 0 where both are the same. */
  long window() {
    return window;
  }

  /** The space into whose window a generic address falls. */
  static Space of(long genericAddress) {
    for (Space space : new Space[] {CLUSTER, LOCAL, PARAM}) {
      if (genericAddress >= space.window && genericAddress < space.window + WINDOW) {
        return space;
      }
    }
    return GLOBAL;
  }

  /** The space of this name in PTX, null if there is none. */
  static Space named(String name) {
    return switch (name) {
      case "global" -> GLOBAL;
      case "const" -> CONST;
      case "shared", "shared::cta" -> SHARED;
      case "shared::cluster" -> CLUSTER;
      case "local" -> LOCAL;
      case "param", "param::entry", "param::func" -> PARAM;
      default -> null;
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
