package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Tiles that were fastest when {@code ./bench/run gpu --only tiles} timed all of them on a GPU. Of
 * a product with other rows than those that were timed, the nearest ones count, in the logarithm;
 * columns, depth and processors have to be the same.
 *
 * <p>The table is the resource {@value #RESOURCE}, lines of {@code
 * rows,columns,depth,processors,tile} below a heading. There is none until one has been measured.
 */
final class TileTable implements TileChoice {

  /** The table's file, beside this class. */
  static final String RESOURCE = "tiles.csv";

  /** The heading of the table. */
  static final String HEADING = "rows,columns,depth,processors,tile";

  private record Line(int rows, int columns, int depth, String tile) {

    boolean isAbout(Product product) {
      return columns == product.columns() && depth == product.steps() * Tile.STEP;
    }

    double distance(Product product) {
      return Math.abs(Math.log((double) rows / product.rows()));
    }
  }

  private final List<Line> lines;
  private final TileChoice otherwise;

  private TileTable(List<Line> lines, TileChoice otherwise) {
    this.lines = lines;
    this.otherwise = otherwise;
  }

  /** The table in this jar, if it has one, for a GPU. */
  static TileChoice shipped(GpuFacts facts, TileChoice otherwise) {
    try (InputStream in = TileTable.class.getResourceAsStream(RESOURCE)) {
      return in == null
          ? otherwise
          : read(new InputStreamReader(in, StandardCharsets.US_ASCII), facts, otherwise);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads a table.
   *
   * @param facts of the GPU; lines about others are left out
   * @param otherwise chooses where the table has nothing
   */
  static TileChoice read(Reader text, GpuFacts facts, TileChoice otherwise) throws IOException {
    List<Line> lines = new ArrayList<>();
    BufferedReader reader = new BufferedReader(text);
    String heading = reader.readLine();
    if (!HEADING.equals(heading)) {
      throw new IllegalArgumentException(
          "a table of tiles begins with '%s', this one with '%s'".formatted(HEADING, heading));
    }
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      String[] cells = line.split(",");
      if (cells.length != 5) {
        throw new IllegalArgumentException(
            "a line of a table of tiles has 5 cells (%s), this one is '%s'"
                .formatted(HEADING, line));
      }
      if (Integer.parseInt(cells[3]) == facts.processors()) {
        lines.add(
            new Line(
                Integer.parseInt(cells[0]),
                Integer.parseInt(cells[1]),
                Integer.parseInt(cells[2]),
                cells[4]));
      }
    }
    return new TileTable(lines, otherwise);
  }

  @Override
  public Tile choose(List<Tile> menu, Product product) {
    return lines.stream()
        .filter(line -> line.isAbout(product))
        .filter(line -> find(menu, line.tile()) != null)
        .min(Comparator.comparingDouble(line -> line.distance(product)))
        .map(line -> find(menu, line.tile()))
        .orElseGet(() -> otherwise.choose(menu, product));
  }

  private static Tile find(List<Tile> menu, String name) {
    return menu.stream().filter(tile -> tile.name().equals(name)).findFirst().orElse(null);
  }
}
