package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.cuda.driver.GpuFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the estimate of a tile's speed leads to, for the shapes of ViT-S to ViT-g. */
class TileChoiceTest {

  private static final GpuFacts H200 = new GpuFacts("H200", 90, 132, 227 * 1024, 140L << 30, 13000);

  private final TileChoice choice = TileChoice.fastest(H200);

  /** One image: enough blocks for the processors, as far as the product has them. */
  @ParameterizedTest
  @CsvSource({"261, 384, 1536", "261, 768, 3072", "261, 1024, 4096", "1, 384, 1536"})
  void fewRowsAreSharedOutToManyBlocks(int rows, int columns, int inputs) {
    Product product = Product.inChains(rows, columns, inputs);
    Tile tile = choice.choose(ProductKernels.LINEAR_ADD, product);
    assertThat(tile.split()).isTrue();
    assertThat(product.chains()).isEqualTo(Math.ceilDiv(inputs, 768));
    assertThat(choice.choose(HopperProducts.LINEAR_ADD, product).split()).isTrue();
  }

  /** 64 images: tiles that read their operands seldom. */
  @ParameterizedTest
  @CsvSource({"384, 1536", "768, 3072", "1024, 4096", "1536, 8192"})
  void manyRowsGetLargeTiles(int inputs, int outputs) {
    int rows = 64 * 261;
    Tile linear = choice.choose(ProductKernels.NORM_LINEAR, Product.whole(rows, outputs, inputs));
    assertThat(linear.rows() * linear.columns()).isGreaterThanOrEqualTo(128 * 128);
    Tile added = choice.choose(ProductKernels.LINEAR_ADD, Product.inChains(rows, inputs, outputs));
    assertThat(added.split()).isFalse();
    assertThat(added.rows() * added.columns()).isGreaterThanOrEqualTo(64 * 128);
  }

  /** Blocks that share what they read of the weight, and more per block where K is long. */
  @ParameterizedTest
  @CsvSource({"384, 1536, 128", "768, 3072, 128", "1536, 8192, 256"})
  void manyRowsGetPairsOfBlocks(int inputs, int outputs, int tileColumns) {
    int rows = 64 * 261;
    Tile linear = choice.choose(HopperProducts.NORM_LINEAR, Product.whole(rows, outputs, inputs));
    assertThat(linear.cluster()).isEqualTo(2);
    assertThat(linear.columns()).isEqualTo(tileColumns);
    Tile added = choice.choose(HopperProducts.LINEAR_ADD, Product.inChains(rows, inputs, outputs));
    assertThat(added.cluster()).isEqualTo(2);
    assertThat(added.split()).isFalse();
  }

  @Test
  void chainsDependOnTheInnerLengthAlone() {
    assertThat(Product.inChains(1, 64, 768).chains()).isEqualTo(1);
    assertThat(Product.inChains(9999, 64, 4096)).extracting(Product::chains).isEqualTo(6);
    assertThat(Product.inChains(1, 9999, 4096).chainSteps()).isEqualTo(11);
  }
}
