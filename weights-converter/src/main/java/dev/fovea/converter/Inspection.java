package dev.fovea.converter;

import dev.fovea.Preprocessing;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.Layout;
import dev.fovea.checkpoint.TensorInfo;
import java.util.List;
import java.util.Map;

/**
 * What there is to know about weights without running them.
 *
 * @param source where they are
 * @param architecture in words, see {@link Inspector#architecture}
 * @param config of the model, with its position policy
 * @param preprocessing of its images
 * @param registers what an artifact has in their place
 * @param layout in which the weights are
 * @param metadata strings in the file; an artifact's say where it came from
 * @param tensors as the file has them, by name
 * @param ignored names of tensors that inference does without
 * @param parameters number of elements in all tensors
 * @param bytes size of all elements
 */
public record Inspection(
    String source,
    String architecture,
    VitConfig config,
    Preprocessing preprocessing,
    Registers registers,
    Layout layout,
    Map<String, String> metadata,
    List<TensorInfo> tensors,
    List<String> ignored,
    long parameters,
    long bytes) {

  /** Copies the collections. */
  public Inspection {
    metadata = Map.copyOf(metadata);
    tensors = List.copyOf(tensors);
    ignored = List.copyOf(ignored);
  }
}
