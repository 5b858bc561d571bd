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
  CLUSTERID_X("%clusterid.x"),
  CLUSTERID_Y("%clusterid.y"),
  CLUSTERID_Z("%clusterid.z"),
  NCLUSTERID_X("%nclusterid.x"),
  NCLUSTERID_Y("%nclusterid.y"),
  NCLUSTERID_Z("%nclusterid.z"),
  CLUSTER_CTAID_X("%cluster_ctaid.x"),
  CLUSTER_CTAID_Y("%cluster_ctaid.y"),
  CLUSTER_CTAID_Z("%cluster_ctaid.z"),
  CLUSTER_NCTAID_X("%cluster_nctaid.x"),
  CLUSTER_NCTAID_Y("%cluster_nctaid.y"),
  CLUSTER_NCTAID_Z("%cluster_nctaid.z"),
  CLUSTER_CTARANK("%cluster_ctarank"),
  CLUSTER_NCTARANK("%cluster_nctarank"),
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
    ClusterShape cluster = block.kernel().cluster();
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
      case CLUSTERID_X -> block.x() / cluster.x();
      case CLUSTERID_Y -> block.y() / cluster.y();
      case CLUSTERID_Z -> block.z() / cluster.z();
      case NCLUSTERID_X -> block.grid().x() / cluster.x();
      case NCLUSTERID_Y -> block.grid().y() / cluster.y();
      case NCLUSTERID_Z -> block.grid().z() / cluster.z();
      case CLUSTER_CTAID_X -> block.x() % cluster.x();
      case CLUSTER_CTAID_Y -> block.y() % cluster.y();
      case CLUSTER_CTAID_Z -> block.z() % cluster.z();
      case CLUSTER_NCTAID_X -> cluster.x();
      case CLUSTER_NCTAID_Y -> cluster.y();
      case CLUSTER_NCTAID_Z -> cluster.z();
      case CLUSTER_CTARANK -> block.rank();
      case CLUSTER_NCTARANK -> cluster.blocks();
      case DYNAMIC_SHARED -> block.grid().sharedBytes();
    };
  }
}
