/**
 * What goes on in a Vision Transformer, and what registers do to it: norms and outliers, attention
 * maps, principal components and segments, object discovery. Everything here reads the {@link
 * dev.fovea.Features} of an ordinary forward pass; each class names the request that it needs.
 */
package dev.fovea.analysis;
