/** Models by name: the local Hugging Face cache, and downloads into it. */
package dev.fovea.hub;
