package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Kernels that start before those in front of them have ended, and what they may touch then. */
class LaunchOrderTest {

  private static final String READ = "ld.global.u32 %r10, [%rd1];\n";
  private static final String WRITE = "st.global.u32 [%rd2], 7;\n";
  private static final String WAIT = "griddepcontrol.wait;\n";
  private static final String LET_NEXT_START = "griddepcontrol.launch_dependents;\n";

  /** Does these instructions by their own launches, all but the first of which may start early. */
  private static void run(boolean early, List<String> kernels, List<String> memory) {
    StringBuilder module = new StringBuilder(Snippet.module(kernels.getFirst()));
    for (int i = 1; i < kernels.size(); i++) {
      String text = Snippet.module(kernels.get(i));
      module.append(
          text.substring(text.indexOf(".visible .entry"))
              .replace("snippet", "snippet" + i)
              .replace("tile", "tile" + i));
    }
    InterpretedDriver driver = new InterpretedDriver(Snippet.HOPPER);
    try (KernelBench bench = new KernelBench(driver, module.toString())) {
      long weights = bench.upload(1, 2, 3, 4);
      long first = bench.upload(1, 2, 3, 4);
      long second = bench.upload(1, 2, 3, 4);
      for (int i = 0; i < kernels.size(); i++) {
        long from = memory.get(i).startsWith("w") ? weights : first;
        long to = memory.get(i).endsWith("1") ? first : second;
        bench.launch(
            i == 0 ? "snippet" : "snippet" + i,
            1,
            1,
            64,
            0,
            bench.arguments().address(from).address(to),
            early && i > 0);
      }
      driver.synchronize();
    }
  }

  private static void assertRuns(List<String> kernels, List<String> memory) {
    assertThatCode(() -> run(true, kernels, memory)).doesNotThrowAnyException();
  }

  private static void assertFault(List<String> kernels, List<String> memory, String message) {
    assertThatThrownBy(() -> run(true, kernels, memory))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining(message);
    assertThatCode(() -> run(false, kernels, memory)).doesNotThrowAnyException();
  }

  @Test
  @DisplayName("reading what the kernel in front writes, before waiting for it")
  void reads() {
    List<String> fromFirst = List.of("w1", "12");
    assertFault(
        List.of(WRITE, READ),
        fromFirst,
        "that a kernel in front has written, which may not have ended: there is no"
            + " griddepcontrol.wait");
    assertRuns(List.of(WRITE, WAIT + READ), fromFirst);
    assertRuns(List.of(WRITE, READ), List.of("w1", "w2"));
  }

  @Test
  @DisplayName("writing while the kernel in front may still read")
  void writes() {
    assertFault(
        List.of(READ, WRITE), List.of("w1", "w2"), "while a kernel in front may not have ended");
    assertRuns(List.of(READ, WAIT + WRITE), List.of("w1", "w2"));
  }

  @Test
  @DisplayName("a thread that waits does so for those that it synchronises with afterwards")
  void waitOfAnother() {
    String waits = "setp.eq.u32 %p1, %r1, 0;\n @!%p1 bra on;\n" + WAIT + "on:\n";
    assertRuns(List.of(WRITE, waits + "bar.sync 0;\n" + READ), List.of("w1", "12"));
    assertFault(List.of(WRITE, waits + READ), List.of("w1", "12"), "griddepcontrol.wait");
  }

  @Test
  @DisplayName("the kernel before the one in front, if that lets others start before it waits")
  void chains() {
    List<String> memory = List.of("w1", "w2", "12");
    assertFault(
        List.of(WRITE, LET_NEXT_START + WAIT, READ), memory, "there is no griddepcontrol.wait");
    assertRuns(List.of(WRITE, WAIT + LET_NEXT_START, READ), memory);
    assertRuns(List.of(WRITE, LET_NEXT_START + WAIT, WAIT + READ), memory);
  }
}
