/** Embeds images with DINOv2 with registers and its relatives, in process. */
module dev.fovea.engine {
  requires transitive dev.fovea.kernels;
  requires java.net.http;

  exports dev.fovea;
  exports dev.fovea.analysis;
  exports dev.fovea.hub to
      dev.fovea.cli;
  exports dev.fovea.checkpoint to
      dev.fovea.converter,
      dev.fovea.probes,
      dev.fovea.cli,
      dev.fovea.bench;

  uses dev.fovea.ImageDecoder;
  uses dev.fovea.kernels.DeviceProvider;
}
