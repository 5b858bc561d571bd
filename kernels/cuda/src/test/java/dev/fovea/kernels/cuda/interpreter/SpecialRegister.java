package dev.fovea.kernels.cuda.interpreter;

/** Registers that the hardware sets; all are constant while a block runs. */
enum SpecialRegister {
  TID_X("%tid.x"),
  TID_Y("%tid.y"),
  TID_Z("%tid.z"),
  NTID_X("%ntid.x"),
  NTID_Y("%ntid.y"),
  NTID_Z("%ntid.z"),
  CTAID_X("%ctaid.x"),
  CTAID_Y("%ctaid.y"),
  CTAID_Z("%ctaid.z"),
  NCTAID_X("%nctaid.x"),
  NCTAID_Y("%nctaid.y"),
  NCTAID_Z("%nctaid.z"),
  LANEID("%laneid"),
  WARPID("%warpid"),
  NWARPID("%nwarpid"),
  LANEMASK_EQ("%lanemask_eq"),
  LANEMASK_LT("%lanemask_lt"),
  LANEMASK_LE("%lanemask_le"),
  LANEMASK_GT("%lanemask_gt"),
  LANEMASK_GE("%lanemask_ge"),
  DYNAMIC_SHARED("%dynamic_smem_size");

  private final String text;

  SpecialRegister(String text) {
    this.text = text;
  }

  /** The register of this name, null if there is none. */
  static SpecialRegister named(String name) {
    for (SpecialRegister register : values()) {
      if (register.text.equals(name)) {
        return register;
      }
    }
    return null;
  }

  String text() {
    return text;
  }

  /** What a lane reads; blocks have their threads in one row. */
  long value(Warp warp, int lane) {
    Block block = warp.block;
    return switch (this) {
      case TID_X -> warp.index * Warp.LANES + lane;
      case TID_Y, TID_Z -> 0;
      case NTID_X -> block.threads();
      case NTID_Y, NTID_Z -> 1;
      case CTAID_X -> block.x();
      case CTAID_Y -> block.y();
      case CTAID_Z -> block.z();
      case NCTAID_X -> block.grid().x();
      case NCTAID_Y -> block.grid().y();
      case NCTAID_Z -> block.grid().z();
      case LANEID -> lane;
      case WARPID -> warp.index;
      case NWARPID -> Math.ceilDiv(block.threads(), Warp.LANES);
      case LANEMASK_EQ -> 1L << lane;
      case LANEMASK_LT -> (1L << lane) - 1;
      case LANEMASK_LE -> (2L << lane) - 1;
      case LANEMASK_GT -> -(2L << lane);
      case LANEMASK_GE -> -(1L << lane);
      case DYNAMIC_SHARED -> block.grid().sharedBytes();
    };
  }
}
