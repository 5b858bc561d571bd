/** Every published checkpoint layout in, one verified artifact out. */
module dev.fovea.converter {
  requires transitive dev.fovea.engine;

  exports dev.fovea.converter;
}
