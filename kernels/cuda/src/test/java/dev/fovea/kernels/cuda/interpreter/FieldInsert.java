package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;

/** {@code bfi}: puts the low bits of one number into the middle of another. */
final class FieldInsert extends Instruction {

  private final int width;
  private final int target;
  private final int field;
  private final int base;
  private final int start;
  private final int length;

  private FieldInsert(Decoding decoding) {
    width = decoding.takeType().bits();
    target = decoding.target(0);
    field = decoding.source(1);
    base = decoding.source(2);
    start = decoding.source(3);
    length = decoding.source(4);
  }

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("bfi", FieldInsert::new);
  }

  @Override
  void execute(Warp warp, int lanes) {
    long[] r = warp.registers;
    for (int rest = lanes; rest != 0; rest &= rest - 1) {
      int lane = Integer.numberOfTrailingZeros(rest);
      int from = (int) r[start + lane] & 0xff;
      int bits = Math.min((int) r[length + lane] & 0xff, width - Math.min(from, width));
      long ones = bits == Long.SIZE ? -1 : (1L << bits) - 1;
      long mask = from < width ? ones << from : 0;
      r[target + lane] = (r[base + lane] & ~mask) | ((r[field + lane] << from) & mask);
    }
  }
}
