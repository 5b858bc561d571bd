package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.util.Comparator;
import java.util.List;

/** Picks the tile that a product is computed in, which decides on its speed and not on its bits. */
@FunctionalInterface
interface TileChoice {

  /** One tile of a menu that is not empty. */
  Tile choose(List<Tile> menu, Product product);

  /** What was measured on GPUs with as many processors, and the estimate where nothing was. */
  static TileChoice best(GpuFacts facts) {
    return TileTable.shipped(facts, fastest(facts));
  }

  /** The tile that an estimate says is fastest on a GPU. */
  static TileChoice fastest(GpuFacts facts) {
    return (menu, product) ->
        menu.stream()
            .min(
                Comparator.comparingDouble(
                    tile ->
                        tile.ofWarpGroups()
                            ? warpGroupClocks(tile, product, facts)
                            : clocks(tile, product, facts)))
            .orElseThrow();
  }

  /** Multiplications and additions in a processor's clock: what mma.sync sustains. */
  double MULTIPLICATIONS = 1000;

  /** The same of what warp groups multiply. */
  double WARP_GROUP_MULTIPLICATIONS = 1700;

  /** Bytes that a processor gets from the second-level cache in a clock. */
  double CACHE_BYTES = 32;

  /** Clocks for what is behind a product, for each of its elements. */
  double BEHIND_ELEMENT = 0.16;

  /** Clocks that a step takes at the least, however little it has to do. */
  double STEP_LATENCY = 400;

  /** The same where a thread of its own has copies made far ahead. */
  double WARP_GROUP_STEP_LATENCY = 200;

  /** Clocks of a block in front of its first step and behind its last. */
  double BLOCK_LATENCY = 3000;

  /** Clocks for leaving a chain's sums in memory and reading them back. */
  double JOIN_LATENCY = 1500;

  /**
   * An estimate from published figures, not a measurement. The busiest processor has {@code blocks}
   * blocks, {@code resident} of them at a time; it is held up by its tensor cores, by its cache, or
   * by waiting.
   */
  private static double clocks(Tile tile, Product product, GpuFacts facts) {
    int chains = tile.split() ? product.chains() : 1;
    double steps = tile.split() ? product.chainSteps() : product.steps();
    double grid =
        (double) tile.acrossRows(product.rows()) * tile.acrossColumns(product.columns()) * chains;
    double blocks = Math.ceil(grid / facts.processors());
    double resident =
        Math.min(blocks, Math.max(1, facts.sharedBytesPerBlock() / tile.stagesBytes()));
    double rounds = Math.ceil(blocks / resident);
    double tensorCores = (double) tile.rows() * tile.columns() * Tile.STEP / MULTIPLICATIONS;
    double cache = (tile.rows() + tile.columns()) * Tile.STEP * Short.BYTES / CACHE_BYTES;
    double busy = blocks * Math.max(tensorCores, cache);
    double join = chains > 1 ? JOIN_LATENCY : 0;
    return steps * Math.max(busy, rounds * STEP_LATENCY) + rounds * BLOCK_LATENCY + join;
  }

  /**
   * The same for blocks that stay. What they do behind a product hides under the next one, unless
   * both warp groups share a tile, as they do where one cannot hold its sums alone.
   */
  private static double warpGroupClocks(Tile tile, Product product, GpuFacts facts) {
    int chains = tile.split() ? product.chains() : 1;
    double steps = tile.split() ? product.chainSteps() : product.steps();
    double grid =
        (double) tile.acrossRows(product.rows()) * tile.acrossColumns(product.columns()) * chains;
    double units = Math.ceil(grid / facts.processors());
    double tensorCores =
        (double) tile.rows() * tile.columns() * Tile.STEP / WARP_GROUP_MULTIPLICATIONS;
    double cache =
        (tile.rows() + (double) tile.columns() / tile.cluster())
            * Tile.STEP
            * Short.BYTES
            / CACHE_BYTES;
    double busy = units * Math.max(tensorCores, cache);
    int elements = tile.rows() * tile.columns();
    double behind = elements > 128 * 128 ? units * elements * BEHIND_ELEMENT : 0;
    double join = chains > 1 ? JOIN_LATENCY : 0;
    return steps * Math.max(busy, WARP_GROUP_STEP_LATENCY) + behind + BLOCK_LATENCY + join;
  }
}
