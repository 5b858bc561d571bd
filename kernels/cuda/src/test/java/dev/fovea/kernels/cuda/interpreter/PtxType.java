package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The types of PTX, as they end an instruction's name. */
enum PtxType {
  PRED(0),
  B8(1),
  U8(1),
  S8(1),
  B16(2),
  U16(2),
  S16(2),
  F16(2),
  BF16(2),
  B32(4),
  U32(4),
  S32(4),
  F32(4),
  TF32(4),
  F16X2(4),
  BF16X2(4),
  B64(8),
  U64(8),
  S64(8),
  F64(8);

  private static final Map<String, PtxType> BY_NAME =
      Arrays.stream(values()).collect(Collectors.toMap(PtxType::text, Function.identity()));

  private final int bytes;
  private final boolean signed;

  PtxType(int bytes) {
    this.bytes = bytes;
    signed = name().startsWith("S");
  }

  /** The type of this name, null if there is none. */
  static PtxType named(String name) {
    return BY_NAME.get(name);
  }

  /** The name in PTX, without the dot. */
  String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  int bytes() {
    return bytes;
  }

  int bits() {
    return bytes * Byte.SIZE;
  }

  boolean signed() {
    return signed;
  }

  /** True for numbers with an exponent, one in a register. */
  boolean floating() {
    return this == F16 || this == BF16 || this == F32 || this == F64;
  }

  /**
   * The low bits of a register as a number of this type: sign-extended if signed, else
   * zero-extended.
   */
  long extend(long register) {
    int unused = Long.SIZE - bits();
    long high = register << unused;
    return signed ? high >> unused : high >>> unused;
  }
}
