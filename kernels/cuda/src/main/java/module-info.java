import dev.fovea.kernels.cuda.CudaDeviceProvider;

/** The six verbs of a Vision Transformer for NVIDIA GPUs. */
module dev.fovea.kernels.cuda {
  requires dev.fovea.kernels;
  requires java.logging;
  requires jcublas;
  requires jcuda;

  provides dev.fovea.kernels.DeviceProvider with
      CudaDeviceProvider;
}
