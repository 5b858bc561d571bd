import dev.fovea.kernels.cuda.CudaDeviceProvider;

/** The six verbs of a Vision Transformer for NVIDIA GPUs. */
module dev.fovea.kernels.cuda {
  requires dev.fovea.kernels;
  requires java.logging;
  requires jcublas;
  requires jcuda;

  exports dev.fovea.kernels.cuda to
      dev.fovea.bench;
  exports dev.fovea.kernels.cuda.driver to
      dev.fovea.bench;

  provides dev.fovea.kernels.DeviceProvider with
      CudaDeviceProvider;
}
