/** The binding to the CUDA driver; the only package that knows JCuda or downcalls. */
package dev.fovea.kernels.cuda.driver;
