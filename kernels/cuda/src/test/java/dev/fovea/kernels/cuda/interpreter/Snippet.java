package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.GpuFacts;

/**
 * A kernel made of a few instructions. It finds in {@code %rd1} and {@code %rd2} the addresses of
 * an input and an output, in {@code %r1} the thread's number, in {@code %r2} its lane, in {@code
 * %r3} four times its number, and has 1 KB of shared memory called {@code tile}.
 */
final class Snippet {

  static final GpuFacts HOPPER =
      new GpuFacts("PTX interpreter", 90, 4, 163 * 1024, 2L << 30, 13000);

  private static final String START =
      """
      .version 8.0
      .target sm_90
      .address_size 64
      .extern .shared .align 16 .b8 dynamic[];
      .visible .entry snippet(.param .align 8 .b8 snippet_param_0[16])
      .maxntid 128, 1, 1
      {
        .reg .pred %p<10>;
        .reg .b16 %rs<10>;
        .reg .b32 %r<60>;
        .reg .f32 %f<20>;
        .reg .b64 %rd<20>;
        .shared .align 16 .b8 tile[1024];
        ld.param.u64 %rd1, [snippet_param_0];
        ld.param.u64 %rd2, [snippet_param_0+8];
        mov.u32 %r1, %tid.x;
        mov.u32 %r2, %laneid;
        shl.b32 %r3, %r1, 2;
      """;

  private Snippet() {}

  /** A device that knows all instructions that the tests use, with this kernel on it. */
  static KernelBench bench(String instructions) {
    return bench(instructions, "");
  }

  /** The same in a module with other functions and variables. */
  static KernelBench bench(String instructions, String others) {
    String module = module(instructions).replace(".visible .entry", others + ".visible .entry");
    return new KernelBench(new InterpretedDriver(HOPPER), module);
  }

  /** The module with this kernel. */
  static String module(String instructions) {
    return START + instructions + "\n  ret;\n}\n";
  }

  /** Runs a snippet in one block. */
  static void run(KernelBench bench, int threads, int sharedBytes, long input, long output) {
    bench.run("snippet", 1, threads, sharedBytes, bench.arguments().address(input).address(output));
  }
}
