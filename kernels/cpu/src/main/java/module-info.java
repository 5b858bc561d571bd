/** Numbers in, numbers out: the six verbs of a Vision Transformer, and their kernels for CPUs. */
module dev.fovea.kernels {
  requires static jdk.incubator.vector;
  requires java.management;

  exports dev.fovea.kernels;

  uses dev.fovea.kernels.DeviceProvider;
}
