package dev.fovea.bench.peers;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** An ONNX model while it is being written. Values have the names of the nodes that make them. */
final class OnnxGraph implements AutoCloseable {

  private static final int IR_VERSION = 8;
  private static final int OPSET = 17;
  private static final String FUSED_DOMAIN = "com.microsoft";
  private static final int PAGE = 4096;

  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("vit");
  private final Path file;

  /** Null if weights are inside. */
  private final FileChannel data;

  private int names;

  private OnnxGraph(Path file, FileChannel data) {
    this.file = file;
    this.data = data;
  }

  /**
   * Begins a model that will be one file. Such a file holds less than 2 GiB, and ViT-L, the largest
   * model with GELU, has 1.2 GB of weights.
   *
   * @param file to be written by {@link #write}
   */
  static OnnxGraph withWeightsInside(Path file) {
    return new OnnxGraph(file, null);
  }

  /**
   * Begins a model whose weights lie in a file that ONNX Runtime maps into memory instead of
   * reading it.
   *
   * @param file to be written by {@link #write}; a file of the same name with ".data" holds the
   *     weights
   */
  static OnnxGraph withWeightsBeside(Path file) throws IOException {
    FileChannel data =
        FileChannel.open(
            dataFile(file),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    return new OnnxGraph(file, data);
  }

  private static Path dataFile(Path file) {
    return file.resolveSibling(file.getFileName() + ".data");
  }

  /** Adds a float tensor. */
  String weight(float[] values, long... shape) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    TensorProto.Builder tensor = tensor(TensorProto.DataType.FLOAT, shape);
    if (data == null) {
      return add(tensor.setRawData(ByteString.copyFrom(bytes)));
    }
    // Mapping begins at whole pages.
    long at = Math.ceilDiv(data.size(), PAGE) * PAGE;
    for (long to = at; bytes.hasRemaining(); ) {
      to += data.write(bytes, to);
    }
    tensor
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(entry("location", dataFile(file).getFileName().toString()))
        .addExternalData(entry("offset", String.valueOf(at)))
        .addExternalData(entry("length", String.valueOf((long) values.length * Float.BYTES)));
    return add(tensor);
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** Adds a vector of integers, such as a shape. */
  String integers(long... values) {
    TensorProto.Builder tensor = tensor(TensorProto.DataType.INT64, values.length);
    for (long value : values) {
      tensor.addInt64Data(value);
    }
    return add(tensor);
  }

  /** Adds a single integer. */
  String integer(long value) {
    return add(tensor(TensorProto.DataType.INT64).addInt64Data(value));
  }

  private static TensorProto.Builder tensor(TensorProto.DataType type, long... shape) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setDataType(type.getNumber());
    for (long size : shape) {
      tensor.addDims(size);
    }
    return tensor;
  }

  private String add(TensorProto.Builder tensor) {
    String name = "constant" + names++;
    graph.addInitializer(tensor.setName(name));
    return name;
  }

  /** Adds a node of ONNX with one output. */
  String node(String operator, List<String> inputs, AttributeProto... attributes) {
    String name = operator + names++;
    add("", operator, inputs, List.of(name), attributes);
    return name;
  }

  /** Adds a node with one output of ONNX Runtime's own domain, where its fused operators are. */
  String fusedNode(String operator, List<String> inputs, AttributeProto... attributes) {
    String name = operator + names++;
    add(FUSED_DOMAIN, operator, inputs, List.of(name), attributes);
    return name;
  }

  /**
   * Adds {@code SkipLayerNormalization}.
   *
   * @return the normalised sum, and the sum
   */
  List<String> skipLayerNormalization(List<String> inputs, AttributeProto epsilon) {
    String name = "SkipLayerNormalization" + names++;
    add(
        FUSED_DOMAIN,
        "SkipLayerNormalization",
        inputs,
        List.of(name, "", "", name + "sum"),
        epsilon);
    return List.of(name, name + "sum");
  }

  private void add(
      String domain,
      String operator,
      List<String> inputs,
      List<String> outputs,
      AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setDomain(domain)
            .setOpType(operator)
            .setName(outputs.getFirst())
            .addAllInput(inputs)
            .addAllOutput(outputs)
            .addAllAttribute(List.of(attributes)));
  }

  /** An integer attribute of a node. */
  static AttributeProto attribute(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  /** A float attribute of a node. */
  static AttributeProto attribute(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  /** An attribute of a node that is a list of integers. */
  static AttributeProto attribute(String name, List<Long> values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INTS)
        .addAllInts(values)
        .build();
  }

  /** Adds a float input of the model. */
  void input(String name, long... shape) {
    graph.addInput(value(name, shape));
  }

  /** Makes a value a float output of the model. */
  void output(String name, String value, long... shape) {
    add("", "Identity", List.of(value), List.of(name));
    graph.addOutput(value(name, shape));
  }

  private static ValueInfoProto value(String name, long... shape) {
    TensorShapeProto.Builder dimensions = TensorShapeProto.newBuilder();
    for (long size : shape) {
      dimensions.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder()
            .setElemType(TensorProto.DataType.FLOAT.getNumber())
            .setShape(dimensions);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }

  /** Writes the model. */
  void write() throws IOException {
    ModelProto model =
        ModelProto.newBuilder()
            .setIrVersion(IR_VERSION)
            .setProducerName("fovea-bench-peers")
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET))
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(FUSED_DOMAIN).setVersion(1))
            .setGraph(graph)
            .build();
    try (OutputStream stream = Files.newOutputStream(file)) {
      model.writeTo(stream);
    }
  }

  @Override
  public void close() throws IOException {
    if (data != null) {
      data.close();
    }
  }
}
