package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A made-up table of tiles: no real one has been measured yet. */
class TileTableTest {

  private static final GpuFacts H200 = new GpuFacts("H200", 90, 132, 227 * 1024, 140L << 30, 13000);

  private static final String TABLE =
      """
      rows,columns,depth,processors,tile
      261,1536,384,132,norm_linear_32x64
      16704,1536,384,132,norm_linear_128x256
      2088,1536,384,132,norm_linear_64x128
      2088,1536,384,108,norm_linear_64x64
      261,384,1536,132,linear_add_split_32x64
      4176,384,1536,132,linear_add_256x256
      """;

  /** Chooses what no table would. */
  private static final TileChoice LAST = (menu, product) -> menu.getLast();

  private static TileChoice table() throws IOException {
    return TileTable.read(new StringReader(TABLE), H200, LAST);
  }

  @ParameterizedTest
  @CsvSource({
    "1,     32,  64",
    "261,   32,  64",
    "700,   32,  64", // 700 / 261 is less than 2088 / 700.
    "800,   64,  128",
    "2088,  64,  128",
    "5000,  64,  128",
    "7000,  128, 256",
    "99999, 128, 256"
  })
  void theNearestRowsCountInTheLogarithm(int rows, int tileRows, int tileColumns)
      throws IOException {
    Tile tile = table().choose(ProductKernels.NORM_LINEAR, Product.whole(rows, 1536, 384));
    assertThat(tile.rows()).isEqualTo(tileRows);
    assertThat(tile.columns()).isEqualTo(tileColumns);
  }

  @ParameterizedTest
  @CsvSource({"1152, 384", "1536, 768", "384, 1536"})
  void otherProductsAreLeftToTheEstimate(int columns, int depth) throws IOException {
    Product product = Product.whole(261, columns, depth);
    assertThat(table().choose(ProductKernels.NORM_LINEAR, product))
        .isEqualTo(ProductKernels.NORM_LINEAR.getLast());
  }

  /** A tile of another verb, or one that this GPU has not, is no answer. */
  @Test
  void onlyTilesOfTheMenuCount() throws IOException {
    Product product = Product.inChains(4176, 384, 1536);
    assertThat(table().choose(ProductKernels.LINEAR_ADD, product).name())
        .isEqualTo("linear_add_split_32x64");
    List<Tile> menu = List.of(ProductKernels.LINEAR_ADD.getLast());
    assertThat(table().choose(menu, product)).isEqualTo(menu.getFirst());
  }

  @ParameterizedTest
  @ValueSource(strings = {"rows,columns\n", "rows,columns,depth,processors,tile\n261,384,1536\n"})
  void damagedTablesAreRefused(String text) {
    assertThatThrownBy(() -> TileTable.read(new StringReader(text), H200, LAST))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("table of tiles");
  }

  @Test
  void tilesHaveNamesOfTheirOwn() {
    for (List<Tile> menu :
        List.of(
            ProductKernels.NORM_LINEAR, ProductKernels.LINEAR_ADD, ProductKernels.PATCH_EMBED)) {
      assertThat(menu).extracting(Tile::name).doesNotHaveDuplicates();
    }
  }
}
