package dev.fovea.cli;

import dev.fovea.FoveaException;
import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;

/** Why a command failed, as one line for people. */
record Refusal(Throwable cause) {

  /** Prints the line, or everything, and returns the exit code. */
  int print(PrintWriter err, boolean everything) {
    if (everything) {
      cause.printStackTrace(err);
    } else {
      err.println("fovea: " + message());
    }
    return 1;
  }

  /** What went wrong and what to do. */
  String message() {
    String message = cause.getMessage() == null ? "" : cause.getMessage();
    return oneLine(
        switch (cause) {
          case FoveaException e -> message;
          case IllegalArgumentException e -> message;
          case IllegalStateException e -> message;
          case UncheckedIOException e -> new Refusal(e.getCause()).message();
          case ExecutionException e when e.getCause() != null ->
              new Refusal(e.getCause()).message();
          case FileSystemException e -> e.getFile() + ": " + OutputPath.reason(e);
          case IOException e -> OutputPath.reason(e);
          // A GPU's memory, which no option of Java's makes larger; the message says what does.
          case OutOfMemoryError e when message.contains("; use ") -> message;
          case OutOfMemoryError e ->
              "out of memory ("
                  + message
                  + "): allow more, e.g. FOVEA_JAVA_OPTS=-Xmx12g, or use fewer --threads, a smaller"
                  + " --batch, or --storage f16";
          default -> "unexpected " + cause + " (please report it, with --stacktrace)";
        });
  }

  /** The same, with the file that it is about. */
  String message(Path file) {
    String message = message();
    return message.contains(file.toString()) ? message : file + ": " + message;
  }

  /** A text without line breaks. */
  static String oneLine(String text) {
    return text.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
