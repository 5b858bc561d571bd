/** JMH benchmarks of the hot paths. */
package dev.fovea.bench;
