/**
 * What a model's tokens know: linear probes and nearest neighbours on single tokens, probes of
 * position and pixels on patches, and published classification heads.
 */
package dev.fovea.probes;
