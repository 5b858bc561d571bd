/** Pictures of norms, maps, segments and boxes; drawn without a screen. */
package dev.fovea.plots;
