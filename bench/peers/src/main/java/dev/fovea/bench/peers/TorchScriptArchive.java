package dev.fovea.bench.peers;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript archive while it is being written: a zip of source code, a pickle of the module's
 * state and one file a tensor, as {@code torch.jit.save} makes it (PyTorch's
 * torch/csrc/jit/serialization). The state is a list of tensors, which the module's {@code
 * __setstate__} receives when it is loaded.
 */
final class TorchScriptArchive implements AutoCloseable {

  private static final String ROOT = "vit/";
  private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

  private final ZipOutputStream zip;
  private final List<long[]> shapes = new ArrayList<>();

  TorchScriptArchive(Path file) throws IOException {
    zip = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(file)));
  }

  /** Adds a tensor to the state, and gives its place in the list. */
  int tensor(float[] values, long... shape) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    int index = shapes.size();
    shapes.add(shape.clone());
    entry("data/" + index, bytes.array());
    return index;
  }

  /**
   * Adds everything else, after the last tensor.
   *
   * @param code the source of class {@code __torch__.Vit}
   */
  void write(String code) throws IOException {
    entry("data.pkl", state());
    entry("code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
    entry("constants.pkl", EMPTY_TUPLE);
    entry("version", "3\n".getBytes(StandardCharsets.UTF_8));
  }

  /** Not compressed: LibTorch reads tensors straight from there. */
  private void entry(String name, byte[] bytes) throws IOException {
    ZipEntry entry = new ZipEntry(ROOT + name);
    CRC32 checksum = new CRC32();
    checksum.update(bytes);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(checksum.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
    zip.closeEntry();
  }

  /** {@code Vit.__new__(Vit).__setstate__([tensors])}, in pickle's protocol 2. */
  private byte[] state() throws IOException {
    Pickle pickle = new Pickle();
    pickle.global("__torch__", "Vit").opcodes(")\u0081]("); // EMPTY_TUPLE NEWOBJ EMPTY_LIST MARK
    for (int i = 0; i < shapes.size(); i++) {
      tensor(pickle, String.valueOf(i), shapes.get(i));
    }
    return pickle.opcodes("eb.").bytes(); // APPENDS BUILD STOP
  }

  /** {@code _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks)}. */
  private static void tensor(Pickle pickle, String key, long[] shape) throws IOException {
    long elements = 1;
    for (long size : shape) {
      elements *= size;
    }
    pickle.global("torch._utils", "_rebuild_tensor_v2").opcodes("((");
    pickle.string("storage").global("torch", "FloatStorage").string(key).string("cpu");
    pickle.integer(elements).opcodes("tQ").integer(0).opcodes("("); // TUPLE BINPERSID
    for (long size : shape) {
      pickle.integer(size);
    }
    pickle.opcodes("t(");
    long stride = elements;
    for (long size : shape) {
      stride /= size;
      pickle.integer(stride);
    }
    pickle.opcodes("t\u0089"); // TUPLE NEWFALSE
    pickle.global("collections", "OrderedDict").opcodes(")RtR"); // EMPTY_TUPLE REDUCE TUPLE REDUCE
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }

  /** The few opcodes that are needed; one character stands for each. */
  private static final class Pickle {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Pickle() throws IOException {
      opcodes("\u0080\u0002");
    }

    Pickle opcodes(String codes) throws IOException {
      out.write(codes.getBytes(StandardCharsets.ISO_8859_1));
      return this;
    }

    Pickle global(String module, String name) throws IOException {
      return opcodes("c" + module + "\n" + name + "\n");
    }

    Pickle string(String text) throws IOException {
      opcodes("X");
      number(text.length());
      return opcodes(text);
    }

    Pickle integer(long value) throws IOException {
      opcodes("J");
      number(Math.toIntExact(value));
      return this;
    }

    private void number(int value) throws IOException {
      out.write(
          ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }
}
