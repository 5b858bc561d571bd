package dev.fovea.kernels.cuda.interpreter;

import java.util.List;
import java.util.Map;

/**
 * Integers and bits. Where low bits of a result depend on low bits of the operands only, one loop
 * serves all widths.
 */
final class IntegerArithmetic {

  private static final List<PtxType> INTEGERS =
      List.of(PtxType.S16, PtxType.U16, PtxType.S32, PtxType.U32, PtxType.S64, PtxType.U64);
  private static final List<PtxType> BITS = List.of(PtxType.B16, PtxType.B32, PtxType.B64);

  private IntegerArithmetic() {}

  static void add(Map<String, LaneLoop> loops) {
    for (PtxType type : INTEGERS) {
      addSums(loops, type);
      addProducts(loops, type);
      addDivision(loops, type);
      addFields(loops, type);
    }
    for (PtxType type : BITS) {
      addLogic(loops, type);
    }
    addShifts(loops);
    addCounts(loops);
    loops.put("prmt.b32", LaneLoop.of(IntegerArithmetic::permute));
    loops.put("add.sat.s32", LaneLoop.of((a, b) -> saturated((long) (int) a + (int) b)));
    loops.put("sub.sat.s32", LaneLoop.of((a, b) -> saturated((long) (int) a - (int) b)));
  }

  private static void addSums(Map<String, LaneLoop> loops, PtxType type) {
    loops.put("add." + type.text(), IntegerArithmetic::sum);
    loops.put("sub." + type.text(), IntegerArithmetic::difference);
    loops.put("neg." + type.text(), LaneLoop.of(a -> -a));
    loops.put("abs." + type.text(), LaneLoop.of(a -> Math.abs(type.extend(a))));
    loops.put("min." + type.text(), LaneLoop.of((a, b) -> less(type, a, b) ? a : b));
    loops.put("max." + type.text(), LaneLoop.of((a, b) -> less(type, a, b) ? b : a));
    loops.put(
        "sad." + type.text(), LaneLoop.of((a, b, c) -> c + (less(type, a, b) ? b - a : a - b)));
  }

  private static boolean less(PtxType type, long a, long b) {
    return type == PtxType.U64 ? Long.compareUnsigned(a, b) < 0 : type.extend(a) < type.extend(b);
  }

  private static void addProducts(Map<String, LaneLoop> loops, PtxType type) {
    loops.put("mul.lo." + type.text(), IntegerArithmetic::product);
    loops.put("mad.lo." + type.text(), IntegerArithmetic::productSum);
    loops.put("mul.hi." + type.text(), LaneLoop.of((a, b) -> highProduct(type, a, b)));
    loops.put("mad.hi." + type.text(), LaneLoop.of((a, b, c) -> highProduct(type, a, b) + c));
    if (type.bits() < Long.SIZE) {
      loops.put("mul.wide." + type.text(), LaneLoop.of((a, b) -> type.extend(a) * type.extend(b)));
      loops.put(
          "mad.wide." + type.text(), LaneLoop.of((a, b, c) -> type.extend(a) * type.extend(b) + c));
    }
  }

  private static long highProduct(PtxType type, long a, long b) {
    if (type.bits() < Long.SIZE) {
      return (type.extend(a) * type.extend(b)) >> type.bits();
    }
    return type.signed() ? Math.multiplyHigh(a, b) : Math.unsignedMultiplyHigh(a, b);
  }

  /** The language leaves open what a division by zero gives; here it is all ones. */
  private static void addDivision(Map<String, LaneLoop> loops, PtxType type) {
    loops.put(
        "div." + type.text(),
        LaneLoop.of(
            (a, b) -> {
              long divisor = type.extend(b);
              long dividend = type.extend(a);
              return divisor == 0
                  ? -1
                  : type.signed() ? dividend / divisor : Long.divideUnsigned(dividend, divisor);
            }));
    loops.put(
        "rem." + type.text(),
        LaneLoop.of(
            (a, b) -> {
              long divisor = type.extend(b);
              long dividend = type.extend(a);
              return divisor == 0
                  ? -1
                  : type.signed() ? dividend % divisor : Long.remainderUnsigned(dividend, divisor);
            }));
  }

  /** Bits b to b + c - 1, the uppermost being the sign if signed. */
  private static void addFields(Map<String, LaneLoop> loops, PtxType type) {
    if (type.bits() < Integer.SIZE) {
      return;
    }
    loops.put(
        "bfe." + type.text(),
        LaneLoop.of(
            (a, b, c) -> {
              int start = (int) b & 0xff;
              int length = (int) c & 0xff;
              if (length == 0) {
                return 0;
              }
              long value = type.extend(a) >> Math.min(start, Long.SIZE - 1);
              if (!type.signed()) {
                value = start >= type.bits() ? 0 : type.extend(a) >>> start;
              }
              int unused = Long.SIZE - Math.min(length, Long.SIZE);
              return type.signed() ? value << unused >> unused : value << unused >>> unused;
            }));
    loops.put(
        "bfind." + type.text(),
        LaneLoop.of(
            a -> {
              long value = type.extend(a);
              long magnitude = type.signed() && value < 0 ? ~value : value;
              return magnitude == 0 ? -1 : Long.SIZE - 1 - Long.numberOfLeadingZeros(magnitude);
            }));
  }

  private static void addLogic(Map<String, LaneLoop> loops, PtxType type) {
    loops.put("and." + type.text(), IntegerArithmetic::and);
    loops.put("or." + type.text(), IntegerArithmetic::or);
    loops.put("xor." + type.text(), IntegerArithmetic::xor);
    loops.put("not." + type.text(), LaneLoop.of(a -> ~a));
    loops.put("cnot." + type.text(), LaneLoop.of(a -> type.extend(a) == 0 ? 1 : 0));
  }

  /** Amounts beyond the width shift everything out. */
  private static void addShifts(Map<String, LaneLoop> loops) {
    for (PtxType type : BITS) {
      int bits = type.bits();
      loops.put("shl." + type.text(), shiftLeft(bits));
      loops.put(
          "shr." + type.text(),
          LaneLoop.of((a, b) -> amount(b) >= bits ? 0 : type.extend(a) >>> amount(b)));
    }
    for (PtxType type : INTEGERS) {
      int bits = type.bits();
      loops.put(
          "shr." + type.text(),
          LaneLoop.of(
              type.signed()
                  ? (a, b) -> type.extend(a) >> Math.min(amount(b), bits - 1)
                  : (a, b) -> amount(b) >= bits ? 0 : type.extend(a) >>> amount(b)));
    }
    loops.put("shf.l.wrap.b32", LaneLoop.of((a, b, c) -> funnel(a, b) << (c & 31) >>> 32));
    loops.put("shf.r.wrap.b32", LaneLoop.of((a, b, c) -> funnel(a, b) >>> (c & 31)));
    loops.put(
        "shf.l.clamp.b32",
        LaneLoop.of((a, b, c) -> amount(c) >= 32 ? a : funnel(a, b) << amount(c) >>> 32));
    loops.put(
        "shf.r.clamp.b32", LaneLoop.of((a, b, c) -> funnel(a, b) >>> Math.min(amount(c), 32)));
  }

  private static long amount(long register) {
    return register & 0xffffffffL;
  }

  private static long funnel(long low, long high) {
    return (high << Integer.SIZE) | (low & 0xffffffffL);
  }

  private static void addCounts(Map<String, LaneLoop> loops) {
    loops.put("popc.b32", LaneLoop.of(a -> Integer.bitCount((int) a)));
    loops.put("popc.b64", LaneLoop.of(a -> Long.bitCount(a)));
    loops.put("clz.b32", LaneLoop.of(a -> Integer.numberOfLeadingZeros((int) a)));
    loops.put("clz.b64", LaneLoop.of(a -> Long.numberOfLeadingZeros(a)));
    loops.put("brev.b32", LaneLoop.of(a -> Integer.reverse((int) a)));
    loops.put("brev.b64", LaneLoop.of(a -> Long.reverse(a)));
  }

  /** Each digit of c chooses one of the 8 bytes of b and a, or its sign in all bits. */
  private static long permute(long a, long b, long c) {
    long source = funnel(a, b);
    long result = 0;
    for (int i = 0; i < Integer.BYTES; i++) {
      int choice = (int) (c >>> (4 * i)) & 0xf;
      long chosen = source >>> (8 * (choice & 7)) & 0xff;
      if (choice > 7) {
        chosen = (chosen & 0x80) != 0 ? 0xff : 0;
      }
      result |= chosen << (8 * i);
    }
    return result;
  }

  private static long saturated(long value) {
    return Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE);
  }

  private static void sum(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] + r[b + i];
    }
  }

  private static void difference(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] - r[b + i];
    }
  }

  private static void product(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] * r[b + i];
    }
  }

  private static void productSum(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] * r[b + i] + r[c + i];
    }
  }

  private static void and(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] & r[b + i];
    }
  }

  private static void or(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] | r[b + i];
    }
  }

  private static void xor(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = r[a + i] ^ r[b + i];
    }
  }

  private static LaneLoop shiftLeft(int bits) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        int amount = (int) r[b + i];
        r[d + i] = (amount & -bits) == 0 ? r[a + i] << amount : 0;
      }
    };
  }
}
