/**
 * The same network on Fovea, ONNX Runtime and LibTorch, side by side. A program for the class path,
 * as the service that it stands for would be, so there is no module descriptor.
 */
package dev.fovea.bench.peers;
