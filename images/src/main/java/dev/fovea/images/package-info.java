/** Decodes JPEG, PNG, GIF, BMP, WebP and TIFF into the RGB samples that Pillow would give. */
package dev.fovea.images;
