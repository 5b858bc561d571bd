package dev.fovea.bench.peers;

import dev.fovea.VitConfig;
import dev.fovea.bench.peers.ExportedWeights.Linear;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The network as a TorchScript archive for one size of image and batch, with LibTorch's fused
 * scaled-dot-product attention.
 */
final class TorchScriptNetwork {

  /** How linear layers are computed. Which is faster depends on the machine. */
  enum Linears {
    /** {@code torch.linear}, which is MKL. */
    MKL,
    /**
     * oneDNN's, with weights that it brings into its own layout once, after loading, and GELU fused
     * into the first layer of the MLP: what {@code torch.compile} uses. Off Intel's processors
     * about twice as fast as MKL.
     */
    ONEDNN
  }

  private final ExportedWeights weights;
  private final Task task;
  private final Linears linears;
  private final TorchScriptArchive archive;
  private final VitConfig config;
  private final int width;
  private final int tokens;
  private final StringBuilder attributes = new StringBuilder();
  private final StringBuilder loading = new StringBuilder();
  private final StringBuilder forward = new StringBuilder();

  private TorchScriptNetwork(
      ExportedWeights weights, Task task, Linears linears, TorchScriptArchive archive) {
    this.weights = weights;
    this.task = task;
    this.linears = linears;
    this.archive = archive;
    this.config = weights.config();
    this.width = config.width();
    this.tokens = config.tokens(task.pixels(), task.pixels());
  }

  /** Writes the archive. */
  static void write(ExportedWeights weights, Task task, Linears linears, Path file)
      throws IOException {
    try (TorchScriptArchive archive = new TorchScriptArchive(file)) {
      TorchScriptNetwork network = new TorchScriptNetwork(weights, task, linears, archive);
      network.forward();
      archive.write(network.code());
    }
  }

  private String code() {
    return """
    class Vit(Module):
      __parameters__ = []
      __buffers__ = []
      training : bool
    %s  def forward(self: __torch__.Vit,
        x: Tensor) -> Tensor:
    %s  def __getstate__(self: __torch__.Vit) -> List[Tensor]:
        return annotate(List[Tensor], [])
      def __setstate__(self: __torch__.Vit,
        state: List[Tensor]) -> NoneType:
        self.training = False
    %s    return None
    """
        .formatted(attributes, forward, loading);
  }

  private void forward() throws IOException {
    embed();
    for (int i = 0; i < config.depth(); i++) {
      block("blocks." + i + ".");
    }
    if (task.output() == Output.CLS) {
      statement("t = torch.select(t, 1, 0)");
    }
    statement("return " + norm("norm", "t"));
  }

  private void embed() throws IOException {
    int patch = config.patch();
    Linear projection = weights.linear("patch_embed.proj");
    statement(
        "grid = torch.conv2d(x, %s, %s, [%d, %d])",
        tensor(projection.matrix(), width, 3, patch, patch),
        tensor(projection.bias(), width),
        patch,
        patch);
    int patches = tokens - config.prefix();
    statement(
        "patches = torch.add(torch.transpose(torch.flatten(grid, 2), 1, 2), %s)",
        tensor(weights.patchPositions(), 1, patches, width));
    String prefix = tensor(weights.prefix(task.batch()), task.batch(), config.prefix(), width);
    statement("t = torch.cat([%s, patches], 1)", prefix);
  }

  private void block(String block) throws IOException {
    int head = width / config.heads();
    String images = task.batch() + ", " + tokens;
    statement("y = " + norm(block + "norm1", "t"));
    statement("qkv = " + linear("y", weights.linear(block + "attn.qkv"), false));
    statement("heads = torch.view(qkv, [%s, 3, %d, %d])", images, config.heads(), head);
    statement("q, k, v, = torch.unbind(torch.permute(heads, [2, 0, 3, 1, 4]))");
    statement("a = torch.transpose(torch.scaled_dot_product_attention(q, k, v), 1, 2)");
    statement("a = torch.reshape(a, [%s, %d])", images, width);
    String projected = linear("a", weights.scaledLinear(block + "attn.proj", block + "ls1"), false);
    statement("t = torch.add(" + projected + ", t)");
    statement("y = " + norm(block + "norm2", "t"));
    statement("y = " + linear("y", weights.linear(block + "mlp.fc1"), true));
    String contracted = linear("y", weights.scaledLinear(block + "mlp.fc2", block + "ls2"), false);
    statement("t = torch.add(" + contracted + ", t)");
  }

  private void statement(String format, Object... arguments) {
    forward.append("    ").append(format.formatted(arguments)).append('\n');
  }

  private String norm(String name, String argument) throws IOException {
    return "torch.layer_norm(%s, [%d], %s, %s, %s)"
        .formatted(
            argument,
            width,
            tensor(weights.read(name + ".weight"), width),
            tensor(weights.read(name + ".bias"), width),
            (double) config.normEpsilon());
  }

  private String linear(String argument, Linear linear, boolean gelu) throws IOException {
    long[] shape = {linear.outputs(), linear.inputs()};
    String bias = tensor(linear.bias(), linear.outputs());
    if (linears == Linears.MKL) {
      String product =
          "torch.linear(%s, %s, %s)".formatted(argument, tensor(linear.matrix(), shape), bias);
      return gelu ? "torch.gelu(" + product + ")" : product;
    }
    String packed =
        attribute(
            "ops.mkldnn._reorder_linear_weight(state[%d], " + (long) task.batch() * tokens + ")",
            archive.tensor(linear.matrix(), shape));
    String none = "annotate(List[Optional[number]], [])";
    return "ops.mkldnn._linear_pointwise(%s, %s, %s, \"%s\", %s, \"none\")"
        .formatted(argument, packed, bias, gelu ? "gelu" : "none", none);
  }

  private String tensor(float[] values, long... shape) throws IOException {
    return attribute("state[%d]", archive.tensor(values, shape));
  }

  /** An attribute of the module that is set when it is loaded. */
  private String attribute(String value, int index) {
    String name = "tensor" + index;
    attributes.append("  ").append(name).append(" : Tensor\n");
    loading.append("    self.%s = %s\n".formatted(name, value.formatted(index)));
    return "self." + name;
  }
}
