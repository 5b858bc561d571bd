/**
 * The small interface between a model and the device it runs on.
 *
 * <p>A forward pass is seven verbs ({@link dev.fovea.kernels.Recorder}), recorded once per shape into
 * a {@link dev.fovea.kernels.Plan} and replayed for every request. A {@link
 * dev.fovea.kernels.Device} hides its own layouts behind them: packed weights, tiled activations,
 * command graphs.
 *
 * <p>All numbers are float32 unless a type says otherwise; all matrices are row-major.
 */
package dev.fovea.kernels;
