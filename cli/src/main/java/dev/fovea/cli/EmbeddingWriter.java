package dev.fovea.cli;

import java.io.IOException;
import java.nio.file.Path;

/** Writes embeddings in one format, one after another. */
interface EmbeddingWriter extends AutoCloseable {

  /** Formats that embeddings are written in. */
  enum Format {
    /** {"file": ..., "embedding": [...]}; an array of those for several images. */
    JSON,
    /** A header, then a line for each image: its file and its numbers. */
    CSV,
    /** A NumPy file of one float32 array [images, channels]; the files are listed on stdout. */
    NPY
  }

  /** Writes the embedding of a file. */
  void write(Path file, float[] embedding) throws IOException;

  /** Completes the output; without it, nothing appears that could be taken for complete. */
  void finish() throws IOException;

  @Override
  void close() throws IOException;
}
