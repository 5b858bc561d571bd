package dev.fovea.kernels.cpu.vector;

import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width and the tile sizes that follow from it, chosen once when this class is loaded.
 *
 * <p>They are constants, because C2 compiles vector operations to instructions only where it knows
 * the species: a species in a parameter or a field is hundreds of times slower.
 */
final class Lanes {

  /** Most bits that are used by default. */
  private static final int WIDEST = 512;

  static final VectorSpecies<Float> SPECIES =
      VectorSpecies.of(float.class, VectorShape.forBitSize(bits()));

  /** Floats in a vector: V. */
  static final int COUNT = SPECIES.length();

  /** Columns of a panel, as many as two vectors. */
  static final int PANEL = 2 * COUNT;

  /**
   * Rows of a tile. Two accumulators a row, two vectors of the panel and a broadcast fill the
   * vector registers.
   */
  static final int TILE = registers() == 32 ? 12 : 6;

  // Exchanges of lanes that lie so far apart; without meaning where there are too few.
  static final VectorShuffle<Float> SWAP_1 = VectorShuffle.fromOp(SPECIES, i -> i ^ 1);
  static final VectorShuffle<Float> SWAP_2 = VectorShuffle.fromOp(SPECIES, i -> i ^ 2);
  static final VectorShuffle<Float> SWAP_4 = VectorShuffle.fromOp(SPECIES, i -> (i ^ 4) % COUNT);
  static final VectorShuffle<Float> SWAP_8 = VectorShuffle.fromOp(SPECIES, i -> (i ^ 8) % COUNT);

  private Lanes() {}

  private static int bits() {
    int preferred = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    return Integer.getInteger("fovea.kernels.bits", Math.min(WIDEST, preferred));
  }

  /** Vector registers of the processor at this width: x86 has 32 with AVX-512, others always. */
  private static int registers() {
    boolean x86 = List.of("amd64", "x86_64").contains(System.getProperty("os.arch"));
    return x86 && SPECIES.vectorBitSize() < 512 ? 16 : 32;
  }

  /** {@code size} rounded up to a multiple of {@code step}, counted in steps. */
  static int steps(int size, int step) {
    return (size + step - 1) / step;
  }
}
