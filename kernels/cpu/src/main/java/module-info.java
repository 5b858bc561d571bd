import dev.fovea.kernels.cpu.CpuDeviceProvider;

/** Numbers in, numbers out: the seven verbs of a Vision Transformer, and their kernels for CPUs. */
module dev.fovea.kernels {
  requires static jdk.incubator.vector;
  requires static jdk.management;
  requires java.management;

  exports dev.fovea.kernels;

  provides dev.fovea.kernels.DeviceProvider with
      CpuDeviceProvider;

  uses dev.fovea.kernels.DeviceProvider;
}
