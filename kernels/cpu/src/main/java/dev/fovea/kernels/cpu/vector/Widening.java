package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;

import dev.fovea.kernels.WeightStorage;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Weights of 16 bits to float32, exactly. */
final class Widening {

  // Here and not in Lanes, since shorts of every width take a new virtual machine 20 ms to load.
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

  /** As many shorts, in a vector of half the width. */
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));

  private static final int SIGN = 0x8000;
  private static final int MAGNITUDE = 0x7fff;

  /** Bits that the fraction of float32 has more than that of half precision. */
  private static final int FRACTION_SHIFT = 13;

  /** Makes up for the difference of the exponents' biases, 127 - 15. */
  private static final float EXPONENT_SCALE = 0x1p112f;

  /** From here on the exponent of the half is that of infinity and NaN. */
  private static final float NOT_FINITE = 0x1p16f;

  private static final int INFINITY = 0x7f800000;

  private Widening() {}

  /** Widens a whole number of vectors. */
  static void widen(
      WeightStorage storage, short[] from, int fromOffset, int count, float[] to, int toOffset) {
    if (storage == WeightStorage.F16) {
      widenF16(from, fromOffset, count, to, toOffset);
    } else {
      widenBf16(from, fromOffset, count, to, toOffset);
    }
  }

  private static void widenBf16(short[] from, int fromOffset, int count, float[] to, int toOffset) {
    for (int i = 0; i < count; i += COUNT) {
      IntVector bits =
          (IntVector)
              ShortVector.fromArray(HALVES, from, fromOffset + i)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
      bits.lanewise(VectorOperators.LSHL, Short.SIZE)
          .reinterpretAsFloats()
          .intoArray(to, toOffset + i);
    }
  }

  /**
   * Exponent and fraction are moved to their places, which gives the number over 2^112, also where
   * it is subnormal; infinity and NaN get their exponent back.
   */
  private static void widenF16(short[] from, int fromOffset, int count, float[] to, int toOffset) {
    for (int i = 0; i < count; i += COUNT) {
      IntVector bits =
          (IntVector)
              ShortVector.fromArray(HALVES, from, fromOffset + i)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
      IntVector moved = bits.and(MAGNITUDE).lanewise(VectorOperators.LSHL, FRACTION_SHIFT);
      FloatVector scaled = moved.reinterpretAsFloats().mul(EXPONENT_SCALE);
      VectorMask<Float> notFinite = scaled.compare(VectorOperators.GE, NOT_FINITE);
      FloatVector special = moved.or(INFINITY).reinterpretAsFloats();
      IntVector sign = bits.and(SIGN).lanewise(VectorOperators.LSHL, Short.SIZE);
      scaled
          .blend(special, notFinite)
          .reinterpretAsInts()
          .or(sign)
          .reinterpretAsFloats()
          .intoArray(to, toOffset + i);
    }
  }
}
