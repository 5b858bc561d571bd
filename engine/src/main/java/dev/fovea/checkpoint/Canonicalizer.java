package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import dev.fovea.VitConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Finds every tensor of a model in a checkpoint of any layout. All problems are collected, so that
 * the message shows whether a tensor is broken or the file is something else altogether.
 */
final class Canonicalizer {

  /**
   * The outcome.
   *
   * @param hasRegisterTensor whether there is a tensor for registers, if only of no rows
   * @param ignored names of tensors that are known and not needed
   */
  record Result(
      Naming naming,
      Geometry geometry,
      boolean hasRegisterTensor,
      SortedMap<String, CanonicalTensor> tensors,
      List<String> ignored) {}

  private static final int SHOWN_PROBLEMS = 5;

  /** Longest float array that every JVM allocates. */
  private static final long MAX_ELEMENTS = Integer.MAX_VALUE - 8;

  /** Parts of names that DINOv2 does not have, and what they mean. */
  private static final Map<String, String> HINTS =
      Map.of(
          "q_norm", "models with QK-norm are not supported",
          "k_norm", "models with QK-norm are not supported",
          "rope_embed", "DINOv3 models are not supported",
          "storage_tokens", "DINOv3 models are not supported",
          "bias_mask", "DINOv3 models are not supported",
          "attn_pool", "attention pooling is not supported",
          "fc_norm", "models that normalise after pooling are not supported",
          "dino_head", "a training checkpoint: extract the teacher's backbone first");

  private final Checkpoint checkpoint;
  private final Naming naming;
  private final Set<String> used = new HashSet<>();

  /** The first of them; a hostile file may have millions. */
  private final List<String> problems = new ArrayList<>();

  private long moreProblems;
  private final SortedMap<String, CanonicalTensor> tensors = new TreeMap<>();

  private Canonicalizer(Checkpoint checkpoint, Naming naming) {
    this.checkpoint = checkpoint;
    this.naming = naming;
  }

  /**
   * Recognises the layout and finds the tensors.
   *
   * @param artifact whether Fovea wrote the checkpoint
   * @param others names of tensors that belong to something else than the model
   * @throws CheckpointException if a tensor is missing, unknown or misshapen
   */
  static Result run(Checkpoint checkpoint, boolean artifact, Set<String> others) {
    Naming naming = Naming.of(checkpoint, artifact);
    Canonicalizer canonicalizer = new Canonicalizer(checkpoint, naming);
    canonicalizer.used.addAll(others);
    return canonicalizer.run();
  }

  private Result run() {
    Geometry geometry = geometry();
    stem(geometry);
    for (int block = 0; block < geometry.depth(); block++) {
      block(block, geometry);
    }
    List<String> ignored = rest();
    if (!problems.isEmpty()) {
      throw new CheckpointException(problemsMessage());
    }
    return new Result(
        naming,
        geometry,
        hasRegisterTensor(),
        Collections.unmodifiableSortedMap(tensors),
        List.copyOf(ignored));
  }

  private Geometry geometry() {
    int width = size("cls_token", naming.find("cls_token", ""), 3, 2);
    int patch = size("patch_embed.proj.weight", naming.find("patch_embed.proj", ".weight"), 4, 3);
    int depth = depth();
    VitConfig.Mlp mlp = mlp();
    int hidden =
        mlp == VitConfig.Mlp.GELU
            ? size("mlp.fc1.weight", naming.find(0, "mlp.fc1", ".weight"), 2, 0)
            : size("mlp.w3.weight", naming.find(0, "mlp.w3", ".weight"), 2, 1);
    return new Geometry(width, depth, hidden, mlp, patch, grid(), registers());
  }

  private int depth() {
    int depth = naming.blocks().size();
    if (depth == 0) {
      throw problem("no tensors " + naming.prefix() + naming.layout().blocks() + "0.* found");
    }
    if (naming.blocks().lastEntry().getKey() != depth - 1) {
      throw problem(
          "block numbers must run from 0 without gaps, found "
              + depth
              + " blocks, the last is number "
              + naming.blocks().lastEntry().getKey());
    }
    return depth;
  }

  /**
   * In timm only the shapes tell: packed SwiGLU has twice the rows that its second matrix takes.
   */
  private VitConfig.Mlp mlp() {
    boolean swiglu;
    if (naming.layout() == Layout.TIMM) {
      int rows = size("mlp.fc1.weight", naming.find(0, "mlp.fc1", ".weight"), 2, 0);
      int columns = size("mlp.fc2.weight", naming.find(0, "mlp.fc2", ".weight"), 2, 1);
      swiglu = rows == 2L * columns;
    } else {
      swiglu = naming.find(0, "mlp.w12", ".weight").stream().anyMatch(naming.names()::contains);
    }
    return swiglu ? VitConfig.Mlp.SWIGLU : VitConfig.Mlp.GELU;
  }

  private int registers() {
    return hasRegisterTensor()
        ? size("register_tokens", naming.find("register_tokens", ""), 3, 1)
        : 0;
  }

  private boolean hasRegisterTensor() {
    return naming.names().contains(naming.find("register_tokens", "").getFirst());
  }

  private int grid() {
    List<String> names = naming.find("pos_embed", "");
    int rows = size("pos_embed", names, 3, 1);
    int patches = clsIsFolded() ? rows : rows - 1;
    int side = (int) Math.round(Math.sqrt(patches));
    if ((long) side * side != patches || side == 0) {
      throw problem(
          "tensor "
              + Quoted.of(names.getFirst())
              + " must have a row for each patch of a square grid"
              + (clsIsFolded() ? "" : " and one for CLS")
              + ", got "
              + rows
              + " rows");
    }
    return side;
  }

  /** Whether the position embedding of CLS is part of its token already. */
  private boolean clsIsFolded() {
    return naming.layout() == Layout.TIMM && hasRegisterTensor();
  }

  /** A size that the geometry is read from; without it there is nothing to check against. */
  private int size(String canonical, List<String> names, int rank, int axis) {
    TensorInfo info = checkpoint.tensors().get(names.getFirst());
    if (info == null) {
      throw problem("tensor " + Quoted.of(names.getFirst()) + " (" + canonical + ") is missing");
    }
    boolean mayBeZero = canonical.equals("register_tokens");
    if (info.shape().size() == rank) {
      long size = info.shape().get(axis);
      if (size <= Integer.MAX_VALUE / 4 && (size > 0 || mayBeZero)) {
        return (int) size;
      }
    }
    throw problem(
        String.format(
            "tensor %s (%s) must have %d positive sizes, got shape %s",
            Quoted.of(info.name()), canonical, rank, Quoted.of(info.shape())));
  }

  private void stem(Geometry geometry) {
    long d = geometry.width();
    long p = geometry.patch();
    add("cls_token", naming.find("cls_token", ""), List.of(1L, 1L, d));
    List<String> registers = naming.find("register_tokens", "");
    if (geometry.registers() > 0) {
      add("register_tokens", registers, List.of(1L, (long) geometry.registers(), d));
    } else {
      used.addAll(registers); // a tensor of no rows, if any
    }
    positions(geometry);
    add(
        "patch_embed.proj.weight",
        naming.find("patch_embed.proj", ".weight"),
        List.of(d, 3L, p, p));
    add("patch_embed.proj.bias", naming.find("patch_embed.proj", ".bias"), List.of(d));
    add("norm.weight", naming.find("norm", ".weight"), List.of(d));
    add("norm.bias", naming.find("norm", ".bias"), List.of(d));
  }

  /** A folded CLS position comes back as zeros. */
  private void positions(Geometry geometry) {
    long d = geometry.width();
    long patches = (long) geometry.grid() * geometry.grid();
    List<String> names = naming.find("pos_embed", "");
    if (!clsIsFolded()) {
      add("pos_embed", names, List.of(1L, 1 + patches, d));
      return;
    }
    CanonicalTensor stored = add("pos_embed", names, List.of(1L, patches, d));
    if (stored != null) {
      TensorInfo info =
          new TensorInfo("pos_embed", stored.info().dtype(), List.of(1L, 1 + patches, d));
      List<CanonicalTensor.Part> parts = new ArrayList<>(stored.parts());
      parts.addFirst(new CanonicalTensor.Part(null, d));
      tensors.put("pos_embed", new CanonicalTensor(info, List.copyOf(parts)));
    }
  }

  private void block(int block, Geometry geometry) {
    long d = geometry.width();
    long hidden = geometry.hidden();
    vector(block, "norm1", ".weight", d);
    vector(block, "norm1", ".bias", d);
    linear(block, "attn.qkv", 3 * d, d);
    linear(block, "attn.proj", d, d);
    vector(block, "ls1.gamma", "", d);
    vector(block, "norm2", ".weight", d);
    vector(block, "norm2", ".bias", d);
    if (geometry.mlp() == VitConfig.Mlp.GELU) {
      linear(block, "mlp.fc1", hidden, d);
      linear(block, "mlp.fc2", d, hidden);
    } else {
      linear(block, "mlp.w12", 2 * hidden, d);
      linear(block, "mlp.w3", d, hidden);
    }
    vector(block, "ls2.gamma", "", d);
  }

  private void linear(int block, String stem, long out, long in) {
    add(canonical(block, stem, ".weight"), naming.find(block, stem, ".weight"), List.of(out, in));
    vector(block, stem, ".bias", out);
  }

  private void vector(int block, String stem, String suffix, long size) {
    add(canonical(block, stem, suffix), naming.find(block, stem, suffix), List.of(size));
  }

  private static String canonical(int block, String stem, String suffix) {
    return "blocks." + block + "." + stem + suffix;
  }

  /** Takes a tensor of that shape, or notes what is wrong with it and returns null. */
  private CanonicalTensor add(String canonical, List<String> sources, List<Long> shape) {
    List<Long> partShape = new ArrayList<>(shape);
    partShape.set(0, shape.getFirst() / sources.size());
    List<CanonicalTensor.Part> parts = new ArrayList<>();
    Set<String> dtypes = new HashSet<>();
    for (String source : sources) {
      used.add(source);
      if (isGood(source, canonical, partShape)) {
        TensorInfo info = checkpoint.tensors().get(source);
        parts.add(new CanonicalTensor.Part(source, info.elements()));
        dtypes.add(info.dtype());
      }
    }
    if (parts.size() < sources.size()) {
      return null;
    }
    String dtype = dtypes.size() == 1 ? dtypes.iterator().next() : DType.F32.name();
    CanonicalTensor tensor =
        new CanonicalTensor(new TensorInfo(canonical, dtype, shape), List.copyOf(parts));
    if (tensor.info().elements() > MAX_ELEMENTS) {
      note("tensor " + Quoted.of(canonical) + " of shape " + shape + " is too large");
    }
    tensors.put(canonical, tensor);
    return tensor;
  }

  private boolean isGood(String source, String canonical, List<Long> shape) {
    TensorInfo info = checkpoint.tensors().get(source);
    String tensor =
        "tensor " + Quoted.of(source) + (source.equals(canonical) ? "" : " (" + canonical + ")");
    if (info == null) {
      note(tensor + " is missing" + missingHint(canonical) + ", expected shape " + shape);
      return false;
    }
    if (!info.shape().equals(shape)) {
      note(tensor + ": expected shape " + shape + ", got " + Quoted.of(info.shape()));
      return false;
    }
    if (DType.find(info.dtype()).isEmpty()) {
      note(tensor + ": expected F32, F16, BF16 or F64, got " + info.dtype());
      return false;
    }
    return true;
  }

  private static String missingHint(String canonical) {
    return canonical.endsWith(".gamma") ? " (models without LayerScale are not supported)" : "";
  }

  /** Whatever is not used must be known: half a model never loads. */
  private List<String> rest() {
    List<String> ignored = new ArrayList<>();
    for (String name : checkpoint.tensors().keySet()) {
      if (used.contains(name)) {
        continue;
      }
      if (Naming.isIgnored(name)) {
        ignored.add(name);
      } else {
        note("tensor " + Quoted.of(name) + " is unknown");
      }
    }
    return ignored;
  }

  /** What the file may be instead, by a name that DINOv2 does not have. */
  private String hint() {
    return HINTS.entrySet().stream()
        .filter(hint -> naming.names().stream().anyMatch(name -> name.contains(hint.getKey())))
        .map(hint -> " (" + hint.getValue() + ")")
        .findFirst()
        .orElse("");
  }

  private void note(String problem) {
    if (problems.size() < SHOWN_PROBLEMS) {
      problems.add(problem);
    } else {
      moreProblems++;
    }
  }

  private CheckpointException problem(String first) {
    problems.addFirst(first);
    return new CheckpointException(problemsMessage());
  }

  private String problemsMessage() {
    String more = moreProblems > 0 ? "; and " + moreProblems + " problems more" : "";
    return problems.stream()
        .collect(
            Collectors.joining(
                "; ",
                checkpoint.source()
                    + ": not a model that can run ("
                    + naming.layout()
                    + " layout): ",
                more + hint()));
  }
}
