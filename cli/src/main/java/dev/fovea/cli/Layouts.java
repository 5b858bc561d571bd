package dev.fovea.cli;

import dev.fovea.checkpoint.Layout;
import java.util.Locale;

/** Names of layouts as people read them. */
final class Layouts {

  private Layouts() {}

  /** "original", "timm", "hugging-face". */
  static String name(Layout layout) {
    return layout.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
