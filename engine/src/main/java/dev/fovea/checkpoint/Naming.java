package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a checkpoint calls its tensors, found out from the names that are there.
 *
 * @param layout whose names they are
 * @param prefix what stands in front of every name: "", "dinov2.", "teacher.backbone.", ...
 * @param blocks what each block's names begin with, prefix included, by the block's number;
 *     training checkpoints of the original have "blocks.CHUNK.NUMBER."
 * @param names of all tensors
 */
record Naming(
    Layout layout, String prefix, NavigableMap<Integer, String> blocks, Set<String> names) {

  private static final String WRAPPERS =
      "(?:(?:module|model|teacher|backbone|dinov2|dinov2_with_registers)\\.){0,4}";

  private static final Pattern CLS_TOKEN =
      Pattern.compile("(" + WRAPPERS + ")(embeddings\\.)?cls_token");

  /** What checkpoints hold besides the backbone, and inference does without. */
  private static final Pattern IGNORED =
      Pattern.compile(
          WRAPPERS + "(?:(?:embeddings\\.)?mask_token|(?:classifier|head|linear_head)\\..+)",
          Pattern.DOTALL);

  /**
   * Recognises the layout.
   *
   * @param artifact whether Fovea wrote the checkpoint, which makes it {@link Layout#ORIGINAL}
   * @throws CheckpointException if it is none of the known ones
   */
  static Naming of(Checkpoint checkpoint, boolean artifact) {
    Set<String> names = checkpoint.tensors().keySet();
    List<Matcher> found = names.stream().map(CLS_TOKEN::matcher).filter(Matcher::matches).toList();
    if (found.size() != 1) {
      throw unknown(checkpoint.source(), names, found.size());
    }
    String prefix = found.getFirst().group(1);
    Layout layout = Layout.ORIGINAL;
    if (found.getFirst().group(2) != null) {
      layout = Layout.HUGGING_FACE;
    } else if (!artifact && isTimm(prefix, names)) {
      layout = Layout.TIMM;
    }
    return new Naming(layout, prefix, blocks(layout, prefix, names), names);
  }

  /** Without registers the names are the original's, except that timm drops the mask token. */
  private static boolean isTimm(String prefix, Set<String> names) {
    if (names.contains(prefix + "reg_token")) {
      return true;
    }
    return !names.contains(prefix + "register_tokens")
        && !names.contains(prefix + "mask_token")
        && names.stream().noneMatch(name -> name.endsWith(".mlp.w12.weight"));
  }

  private static NavigableMap<Integer, String> blocks(
      Layout layout, String prefix, Collection<String> names) {
    String chunk = layout == Layout.ORIGINAL ? "(?:\\d{1,6}\\.)?" : "";
    Pattern block =
        Pattern.compile(
            "(" + Pattern.quote(prefix + layout.blocks()) + chunk + "(\\d{1,6})\\.)[a-z].*",
            Pattern.DOTALL);
    NavigableMap<Integer, String> blocks = new TreeMap<>();
    for (String name : names) {
      Matcher matcher = block.matcher(name);
      if (matcher.matches()) {
        blocks.putIfAbsent(Integer.valueOf(matcher.group(2)), matcher.group(1));
      }
    }
    return blocks;
  }

  /** Whether the tensor is known, and not needed. */
  static boolean isIgnored(String name) {
    return IGNORED.matcher(name).matches();
  }

  /** The names of a tensor outside the blocks: those that are there, or should be. */
  List<String> find(String stem, String suffix) {
    return find(prefix, stem, suffix);
  }

  /** The names of a tensor of a block. */
  List<String> find(int block, String stem, String suffix) {
    return find(blocks.get(block), stem, suffix);
  }

  private List<String> find(String start, String stem, String suffix) {
    List<List<String>> candidates = new ArrayList<>();
    for (List<String> spelling : layout.spellings(stem)) {
      candidates.add(spelling.stream().map(name -> start + name + suffix).toList());
    }
    return candidates.stream()
        .filter(candidate -> candidate.stream().anyMatch(names::contains))
        .findFirst()
        .orElse(candidates.getFirst());
  }

  private static CheckpointException unknown(String source, Set<String> names, int candidates) {
    if (candidates > 1) {
      return new CheckpointException(
          source + ": expected one model, found " + candidates + " tensors cls_token");
    }
    return new CheckpointException(
        source
            + ": expected the tensors of a DINOv2 in the original, timm or Hugging Face layout,"
            + " found no cls_token or embeddings.cls_token among "
            + names.size()
            + " tensors, which begin with "
            + names.stream().limit(3).map(Quoted::of).toList());
  }
}
