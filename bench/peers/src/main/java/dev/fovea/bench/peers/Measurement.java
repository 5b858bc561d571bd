package dev.fovea.bench.peers;

/**
 * How long a worker measures.
 *
 * @param warmUpSeconds time of forward passes that are not measured
 * @param seconds time of those that are
 * @param runs the least number of those
 */
record Measurement(double warmUpSeconds, double seconds, int runs) {}
