package dev.fovea.kernels.cuda.interpreter;

/** Registers that the hardware sets; all are constant while a block runs. */
enum SpecialRegister {
  TID_X("%tid.x", (warp, lane) -> warp.index * Warp.LANES + lane),
  TID_Y("%tid.y", (warp, lane) -> 0),
  TID_Z("%tid.z", (warp, lane) -> 0),
  NTID_X("%ntid.x", (warp, lane) -> warp.block.threads()),
  NTID_Y("%ntid.y", (warp, lane) -> 1),
  NTID_Z("%ntid.z", (warp, lane) -> 1),
  CTAID_X("%ctaid.x", (warp, lane) -> warp.block.x()),
  CTAID_Y("%ctaid.y", (warp, lane) -> warp.block.y()),
  CTAID_Z("%ctaid.z", (warp, lane) -> warp.block.z()),
  NCTAID_X("%nctaid.x", (warp, lane) -> warp.block.grid().x()),
  NCTAID_Y("%nctaid.y", (warp, lane) -> warp.block.grid().y()),
  NCTAID_Z("%nctaid.z", (warp, lane) -> warp.block.grid().z()),
  LANEID("%laneid", (warp, lane) -> lane),
  WARPID("%warpid", (warp, lane) -> warp.index),
  NWARPID("%nwarpid", (warp, lane) -> Math.ceilDiv(warp.block.threads(), Warp.LANES)),
  LANEMASK_EQ("%lanemask_eq", (warp, lane) -> 1L << lane),
  LANEMASK_LT("%lanemask_lt", (warp, lane) -> (1L << lane) - 1),
  LANEMASK_LE("%lanemask_le", (warp, lane) -> (2L << lane) - 1),
  LANEMASK_GT("%lanemask_gt", (warp, lane) -> -(2L << lane)),
  LANEMASK_GE("%lanemask_ge", (warp, lane) -> -(1L << lane)),
  DYNAMIC_SHARED("%dynamic_smem_size", (warp, lane) -> warp.block.grid().sharedBytes());

  private interface LaneValue {
    long of(Warp warp, int lane);
  }

  private final String text;
  private final LaneValue value;

  SpecialRegister(String text, LaneValue value) {
    this.text = text;
    this.value = value;
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

  long value(Warp warp, int lane) {
    return value.of(warp, lane);
  }
}
