package dev.fovea.kernels.cuda.interpreter;

import java.util.List;
import java.util.Map;

/**
 * A kernel that can be run, with all functions that it calls in it.
 *
 * @param registers how many
 * @param names of the registers, by number
 * @param constants register numbers by the value that they have throughout
 * @param specials register numbers of what the hardware sets
 * @param parameterBytes size of its parameters
 * @param staticShared shared variables of fixed size, by address
 * @param dynamicBase address of shared memory whose size is given at the launch
 * @param smallestSharedAccess bytes of the smallest access that may be to shared memory
 * @param localBytes local memory of a thread
 * @param mostThreads of a block, 0 if it does not say
 * @param exactThreads of a block, 0 if it does not say
 * @param cluster blocks of a cluster
 * @param asynchronous true if it has instructions that go on by themselves, of the kind that need
 *     more than {@link AsyncCopies}
 */
record Kernel(
    String name,
    Instruction[] code,
    int registers,
    List<String> names,
    Map<Long, Integer> constants,
    Map<SpecialRegister, Integer> specials,
    int parameterBytes,
    List<SharedVariable> staticShared,
    int dynamicBase,
    int smallestSharedAccess,
    int localBytes,
    int mostThreads,
    int exactThreads,
    ClusterShape cluster,
    boolean asynchronous) {

  /** A shared variable of fixed size. */
  record SharedVariable(String name, int address, int bytes) {
    boolean contains(int place) {
      return place >= address && place < address + bytes;
    }
  }

  int staticSharedEnd() {
    return staticShared.isEmpty()
        ? SharedMemory.STATIC_BASE
        : staticShared.getLast().address() + staticShared.getLast().bytes();
  }

  /** Bytes that the shared variables need without the gaps between them. */
  int staticSharedBytes() {
    return staticShared.stream().mapToInt(SharedVariable::bytes).sum();
  }

  /** What a shared address is called. */
  String sharedPlace(int address) {
    for (SharedVariable variable : staticShared) {
      if (variable.contains(address)) {
        return variable.name() + "+" + (address - variable.address());
      }
    }
    return "dynamic+" + (address - dynamicBase);
  }
}
