package dev.fovea.kernels.cuda;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the assembler of the CUDA toolkit makes of a kernel.
 *
 * @param architecture as the assembler calls it: 80, 90a
 * @param registers of a thread
 * @param sharedBytes static shared memory
 * @param spilledBytes registers that did not find a place and went to memory
 * @param products tensor-core instructions in the PTX
 * @param opcodes how often every opcode occurs in the machine code
 */
record AssembledKernel(
    String name,
    String architecture,
    int registers,
    int sharedBytes,
    int spilledBytes,
    int products,
    Map<Integer, Integer> opcodes) {

  /** Opcodes in the machine code of every architecture from 8.0 on: tensor-core product. */
  static final int HMMA = 0x23c;

  /** Tensor-core product of a warp group whose left operand is in shared memory. */
  static final int HGMMA = 0x9f0;

  /** The same with the left operand in registers. */
  static final int HGMMA_REGISTERS = 0xdf0;

  /** Fragments from shared memory. */
  static final int LDSM = 0x83b;

  /** Asynchronous copy from global to shared memory. */
  static final int LDGSTS = 0xfae;

  private static final Pattern TARGET = Pattern.compile("\\n\\.target sm_(\\w+)");
  private static final Pattern ENTRY = Pattern.compile("Compiling entry function '(\\w+)'");
  private static final Pattern SPILLS =
      Pattern.compile("(\\d+) bytes spill stores, (\\d+) bytes spill loads");
  private static final Pattern USED = Pattern.compile("Used (\\d+) registers");
  private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");
  private static final Pattern PTX_ENTRY = Pattern.compile("\\.entry (\\w+)\\(");

  /** The architectures that the kernels of a PTX file are for. */
  static List<String> architectures(Path ptx) throws IOException {
    Matcher target = TARGET.matcher(Files.readString(ptx));
    if (!target.find()) {
      throw new IOException(ptx + " has no .target");
    }
    return target.group(1).equals("90a")
        ? List.of("90a")
        : List.of("80", "86", "89", "90", "100", "120");
  }

  int count(int opcode) {
    return opcodes.getOrDefault(opcode, 0);
  }

  /** Tensor-core instructions of all kinds in the machine code. */
  int assembledProducts() {
    return count(HMMA) + count(HGMMA) + count(HGMMA_REGISTERS);
  }

  /** Assembles all kernels of a PTX file; needs {@code ptxas} on the PATH. */
  static List<AssembledKernel> assemble(Path ptx, String architecture) throws IOException {
    Path cubin = Files.createTempFile("kernels", ".cubin");
    try {
      Process process =
          new ProcessBuilder(
                  "ptxas", "-v", "-arch=sm_" + architecture, "-o", cubin.toString(), ptx.toString())
              .redirectErrorStream(true)
              .start();
      String log = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IOException("ptxas refuses %s for sm_%s: %s".formatted(ptx, architecture, log));
      }
      if (log.contains("serializ")) {
        throw new IOException("products of %s wait for each other: %s".formatted(ptx, log));
      }
      return read(log, architecture, products(ptx), opcodes(cubin));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    } finally {
      Files.delete(cubin);
    }
  }

  private static List<AssembledKernel> read(
      String log,
      String architecture,
      Map<String, Integer> products,
      Map<String, Map<Integer, Integer>> opcodes) {
    List<AssembledKernel> kernels = new ArrayList<>();
    String[] parts = log.split("(?=Compiling entry function)");
    for (String part : parts) {
      Matcher entry = ENTRY.matcher(part);
      if (entry.find()) {
        String name = entry.group(1);
        kernels.add(
            new AssembledKernel(
                name,
                architecture,
                number(USED, part),
                number(SHARED, part),
                number(SPILLS, part),
                products.get(name),
                opcodes.get(name)));
      }
    }
    return kernels;
  }

  /** The sum of what a pattern finds first; 0 if it is not there. */
  private static int number(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    int sum = 0;
    if (matcher.find()) {
      for (int i = 1; i <= matcher.groupCount(); i++) {
        sum += Integer.parseInt(matcher.group(i));
      }
    }
    return sum;
  }

  /** Tensor-core instructions of every kernel in PTX. */
  private static Map<String, Integer> products(Path ptx) throws IOException {
    Map<String, Integer> products = new LinkedHashMap<>();
    String kernel = null;
    for (String line : Files.readAllLines(ptx)) {
      Matcher entry = PTX_ENTRY.matcher(line);
      if (entry.find()) {
        kernel = entry.group(1);
        products.put(kernel, 0);
      } else if (line.contains("mma.sync.") || line.contains("wgmma.mma_async.")) {
        products.merge(kernel, 1, Integer::sum);
      }
    }
    return products;
  }

  /**
   * How often every opcode occurs, kernel by kernel: the low 12 bits of instructions of 16 bytes in
   * the sections {@code .text.KERNEL} of a 64-bit ELF file.
   */
  private static Map<String, Map<Integer, Integer>> opcodes(Path cubin) throws IOException {
    ByteBuffer elf = ByteBuffer.wrap(Files.readAllBytes(cubin)).order(ByteOrder.LITTLE_ENDIAN);
    int sections = Math.toIntExact(elf.getLong(0x28));
    int sectionBytes = elf.getShort(0x3a);
    int count = elf.getShort(0x3c);
    int names = Math.toIntExact(elf.getLong(sections + elf.getShort(0x3e) * sectionBytes + 0x18));
    Map<String, Map<Integer, Integer>> opcodes = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      int header = sections + i * sectionBytes;
      String name = text(elf, names + elf.getInt(header));
      if (name.startsWith(".text.")) {
        int from = Math.toIntExact(elf.getLong(header + 0x18));
        int size = Math.toIntExact(elf.getLong(header + 0x20));
        Map<Integer, Integer> histogram = new LinkedHashMap<>();
        for (int at = from; at < from + size; at += 16) {
          histogram.merge(elf.getInt(at) & 0xfff, 1, Integer::sum);
        }
        opcodes.put(name.substring(".text.".length()), histogram);
      }
    }
    return opcodes;
  }

  private static String text(ByteBuffer bytes, int from) {
    StringBuilder text = new StringBuilder();
    for (int at = from; bytes.get(at) != 0; at++) {
      text.append((char) bytes.get(at));
    }
    return text.toString();
  }
}
