package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;

/** The parts of softmax over the keys, one query a lane. All offsets are into one array. */
final class Softmax {

  private Softmax() {}

  /** Writes the largest of {@code count} vectors that lie {@code stride} apart, lane by lane. */
  static void largest(float[] memory, int offset, int count, int stride, int to) {
    FloatVector largest = FloatVector.fromArray(SPECIES, memory, offset);
    for (int i = 1; i < count; i++) {
      largest = largest.max(FloatVector.fromArray(SPECIES, memory, offset + i * stride));
    }
    largest.intoArray(memory, to);
  }

  /** Adds {@code count} vectors that lie {@code stride} apart to the vector at {@code to}. */
  static void add(float[] memory, int offset, int count, int stride, int to) {
    FloatVector sum = FloatVector.zero(SPECIES);
    for (int i = 0; i < count; i++) {
      sum = sum.add(FloatVector.fromArray(SPECIES, memory, offset + i * stride));
    }
    sum.add(FloatVector.fromArray(SPECIES, memory, to)).intoArray(memory, to);
  }

  /** Subtracts {@code columns} elements from as many others. */
  static void subtract(float[] memory, int offset, int subtrahend, int columns) {
    for (int i = 0; i < columns; i += COUNT) {
      FloatVector.fromArray(SPECIES, memory, offset + i)
          .sub(FloatVector.fromArray(SPECIES, memory, subtrahend + i))
          .intoArray(memory, offset + i);
    }
  }

  /** Sets {@code columns} elements to 0. */
  static void clear(float[] memory, int offset, int columns) {
    FloatVector zero = FloatVector.zero(SPECIES);
    for (int i = 0; i < columns; i += COUNT) {
      zero.intoArray(memory, offset + i);
    }
  }

  /** Replaces {@code columns} elements by 1 over them. */
  static void invert(float[] memory, int offset, int columns) {
    FloatVector one = FloatVector.broadcast(SPECIES, 1);
    for (int i = 0; i < columns; i += COUNT) {
      one.div(FloatVector.fromArray(SPECIES, memory, offset + i)).intoArray(memory, offset + i);
    }
  }
}
