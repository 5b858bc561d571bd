/**
 * Every published checkpoint layout in, one verified artifact out: {@link
 * dev.fovea.converter.Converter} writes it, {@link dev.fovea.converter.Inspector} describes it,
 * {@link dev.fovea.converter.Verifier} compares it with what it was made from.
 */
package dev.fovea.converter;
