/** Linear probes, nearest neighbours and classification heads on a model's features. */
module dev.fovea.probes {
  requires transitive dev.fovea.engine;
  requires dev.fovea.converter;
  requires ejml.core;
  requires ejml.ddense;
  requires liblinear;

  exports dev.fovea.probes;
}
