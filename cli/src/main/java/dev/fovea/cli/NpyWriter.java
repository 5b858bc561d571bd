package dev.fovea.cli;

import dev.fovea.checkpoint.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Writes a NumPy file, format 1.0: one little-endian float32 array [rows, columns]. The header is
 * written last, when the number of rows is known, into the space kept for it.
 *
 * @see <a href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">The
 *     format</a>
 */
final class NpyWriter implements EmbeddingWriter {

  /** Room for any shape, and a multiple of 64 as the format asks for. */
  private static final int HEADER = 128;

  private final AtomicFile file;
  private final PrintWriter names;
  private final int columns;
  private final ByteBuffer row;
  private long rows;

  /**
   * A writer.
   *
   * @param columns length of every embedding
   * @param names receives the file of each row
   */
  NpyWriter(Path target, int columns, PrintWriter names) throws IOException {
    this.file = AtomicFile.create(target);
    this.names = names;
    this.columns = columns;
    this.row = ByteBuffer.allocate(Float.BYTES * columns).order(ByteOrder.LITTLE_ENDIAN);
    file.channel().position(HEADER);
  }

  @Override
  public void write(Path image, float[] embedding) throws IOException {
    row.clear().asFloatBuffer().put(embedding);
    file.write(row);
    names.println(image);
    rows++;
  }

  @Override
  public void finish() throws IOException {
    String shape =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + rows + ", " + columns + "), }";
    String padded = ("%-" + (HEADER - 11) + "s\n").formatted(shape);
    ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
    header.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    header.put((byte) 1).put((byte) 0).putShort((short) (HEADER - 10));
    header.put(padded.getBytes(StandardCharsets.US_ASCII)).flip();
    file.channel().position(0);
    file.write(header);
    file.commit();
    names.flush();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
