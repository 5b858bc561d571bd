/** The public API: open a model, embed images, ask for features. */
package dev.fovea;
