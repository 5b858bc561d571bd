/** The six verbs of a Vision Transformer for NVIDIA GPUs. */
module dev.fovea.kernels.cuda {
  requires dev.fovea.kernels;
  requires java.logging;
  requires jcublas;
  requires jcuda;
}
