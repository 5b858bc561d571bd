package dev.fovea.converter;

import dev.fovea.Preprocessing;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.Layout;
import java.util.List;

/**
 * What a conversion has done.
 *
 * @param config of the model
 * @param preprocessing of its images
 * @param registers what the artifact has in their place
 * @param layout in which the weights came
 * @param tensors number of tensors written
 * @param parameters number of elements written
 * @param bytes size of the artifact
 * @param sourceSha256 see {@link WeightFiles#sha256}
 * @param ignored the source's tensors that inference does without, by the source's names
 */
public record Conversion(
    VitConfig config,
    Preprocessing preprocessing,
    Registers registers,
    Layout layout,
    int tensors,
    long parameters,
    long bytes,
    String sourceSha256,
    List<String> ignored) {

  /** Copies the list. */
  public Conversion {
    ignored = List.copyOf(ignored);
  }
}
