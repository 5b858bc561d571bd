package dev.fovea.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** The formats that people read: JSON and CSV. */
final class TextEmbeddingWriter {

  private TextEmbeddingWriter() {}

  /** One object, or an array of objects, each on its own line. */
  static final class Json implements EmbeddingWriter {
    private static final JsonMapper MAPPER = JsonMapper.shared();
    private final PrintWriter out;
    private final boolean array;
    private boolean first = true;

    Json(PrintWriter out, boolean array) {
      this.out = out;
      this.array = array;
    }

    @Override
    public void write(Path file, float[] embedding) {
      if (array) {
        out.println(first ? "[" : ",");
      }
      first = false;
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("file", file.toString());
      object.put("embedding", embedding);
      out.print(MAPPER.writeValueAsString(object));
      if (!array) {
        out.println();
      }
    }

    @Override
    public void finish() {
      if (array) {
        out.println(first ? "[]" : System.lineSeparator() + "]");
      }
      out.flush();
    }

    @Override
    public void close() {
      // Nothing to release: stdout stays open.
    }
  }

  /** Comma-separated values as in RFC 4180, with a header. */
  static final class Csv implements EmbeddingWriter {
    private final PrintWriter out;
    private boolean first = true;

    Csv(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void write(Path file, float[] embedding) {
      if (first) {
        out.print("file");
        for (int i = 0; i < embedding.length; i++) {
          out.print(",e" + i);
        }
        out.println();
      }
      first = false;
      out.print(quoted(file.toString()));
      for (float value : embedding) {
        out.print("," + value);
      }
      out.println();
    }

    private static String quoted(String text) {
      return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
    }

    @Override
    public void finish() {
      out.flush();
    }

    @Override
    public void close() {
      // Nothing to release: stdout stays open.
    }
  }
}
