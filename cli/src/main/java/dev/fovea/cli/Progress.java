package dev.fovea.cli;

import dev.fovea.ProgressListener;
import java.io.PrintWriter;

/**
 * Shows progress on stderr: a bar that is drawn over and over on a terminal; elsewhere a line for
 * every tenth of what takes long. Whether stderr is a terminal only the launcher can tell; it says
 * so in the system property {@code fovea.terminal}.
 */
final class Progress implements ProgressListener, AutoCloseable {

  private static final int BAR = 30;

  /** Elsewhere than on a terminal, bytes from which work is worth lines. */
  private static final long LONG = 64 << 20;

  private final PrintWriter err;
  private final boolean terminal;
  private String task = "";
  private long shown;

  Progress(PrintWriter err) {
    this(err, Boolean.getBoolean("fovea.terminal"));
  }

  Progress(PrintWriter err, boolean terminal) {
    this.err = err;
    this.terminal = terminal;
  }

  @Override
  public synchronized void progress(String newTask, long done, long total) {
    if (!newTask.equals(task)) {
      close();
      task = newTask;
      shown = -1;
    }
    if (!terminal && total >= 0 && total < LONG) {
      return;
    }
    long parts = terminal ? 100 : 10;
    long part = total <= 0 ? done >> 24 : done * parts / total;
    if (part != shown) {
      shown = part;
      err.print(terminal ? "\r" + bar(done, total) : line(done, total) + System.lineSeparator());
      err.flush();
    }
  }

  private String bar(long done, long total) {
    int filled = total <= 0 ? 0 : (int) (BAR * done / total);
    String bar = "=".repeat(filled) + (filled < BAR ? ">" : "");
    return "%-40s [%-30s] %s "
        .formatted(task, bar.substring(0, Math.min(BAR, bar.length())), amount(done, total));
  }

  private String line(long done, long total) {
    return task + ": " + amount(done, total);
  }

  private static String amount(long done, long total) {
    return total <= 0
        ? megabytes(done)
        : "%3d%% of %s".formatted(100 * done / total, megabytes(total));
  }

  private static String megabytes(long bytes) {
    return "%.1f MB".formatted(bytes / 1e6);
  }

  /** Ends the bar, so that what follows starts on a line of its own. */
  @Override
  public synchronized void close() {
    if (terminal && !task.isEmpty()) {
      err.println();
    }
    task = "";
  }
}
