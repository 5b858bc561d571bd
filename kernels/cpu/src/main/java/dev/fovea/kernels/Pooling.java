package dev.fovea.kernels;

/** How the final tokens become one embedding. */
public enum Pooling {
  /** The CLS token (row 0): width columns. */
  CLS,
  /** The mean of the patch tokens; CLS and registers are left out: width columns. */
  MEAN,
  /** CLS, then the mean of the patch tokens: 2 x width columns. */
  CLS_MEAN
}
