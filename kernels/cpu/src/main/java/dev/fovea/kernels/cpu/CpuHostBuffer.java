package dev.fovea.kernels.cpu;

import dev.fovea.kernels.HostBuffer;
import java.lang.foreign.MemorySegment;

/** A result in heap memory. It stays readable after its plan is closed. */
record CpuHostBuffer(MemorySegment host) implements HostBuffer {}
