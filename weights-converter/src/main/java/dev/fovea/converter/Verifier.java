package dev.fovea.converter;

import dev.fovea.AttentionBias;
import dev.fovea.CheckpointException;
import dev.fovea.ProgressListener;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.ArtifactMetadata;
import dev.fovea.checkpoint.DType;
import dev.fovea.checkpoint.RegistersFile;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.converter.Verification.Mismatch;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * Compares an artifact with its source, both read again from disk: every element of every tensor,
 * what the metadata say of the model, and the checksum of the source.
 */
public final class Verifier {

  /** Elements compared at a time. */
  private static final int CHUNK = 1 << 18;

  private final VitWeights artifact;
  private final VitWeights source;
  private final ProgressListener listener;
  private final List<Mismatch> mismatches = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();
  private final float[] actual = new float[CHUNK];
  private final float[] expected = new float[CHUNK];
  private final byte[] rounded = new byte[CHUNK * Double.BYTES];
  private int tensors;
  private long elements;

  private Verifier(VitWeights artifact, VitWeights source, ProgressListener listener) {
    this.artifact = artifact;
    this.source = source;
    this.listener = listener;
  }

  /**
   * Compares an artifact with the weights it was made from. Differences are reported, not thrown.
   *
   * @param artifact what {@link Converter} wrote
   * @param source see {@link WeightFiles#open(Path)}
   * @param golden a safetensors file with an image and the outputs of a reference implementation,
   *     which the artifact is then run against: {@code image} [3, H, W], already normalised, and
   *     any of {@code tokens_norm}, {@code tokens_prenorm} [N, D], {@code blocks} [L, N, D], {@code
   *     attention_last} [heads, N, N], {@code key_last} [N, D]; may be null. The artifact is run as
   *     it was trained, whatever it has in the place of registers
   * @throws CheckpointException if one of them is not a sound model, the first is no artifact, or
   *     the golden file is none or does not fit
   * @throws IllegalArgumentException if the model does not take images of the golden file's size
   */
  public static Verification verify(
      Path artifact, Path source, Path golden, ProgressListener listener) {
    Objects.requireNonNull(listener, "listener");
    try (VitWeights ours = WeightFiles.open(artifact);
        VitWeights theirs = WeightFiles.open(source)) {
      ArtifactMetadata metadata =
          ArtifactMetadata.from(ours.checkpoint().metadata())
              .orElseThrow(
                  () ->
                      new CheckpointException(
                          artifact
                              + " is not an artifact: it has no metadata of ours; make one"
                              + " with fovea convert"));
      Verifier verifier = new Verifier(ours, theirs, listener);
      verifier.compareChecksum(metadata, WeightFiles.sha256(source, listener));
      verifier.compareModel();
      verifier.compareTensors();
      Registers added = verifier.compareRegisters();
      return new Verification(
          verifier.tensors,
          verifier.elements,
          added,
          verifier.mismatches,
          verifier.problems,
          golden == null ? List.of() : Golden.compare(artifact, golden));
    }
  }

  private void compareChecksum(ArtifactMetadata metadata, String sha256) {
    if (!metadata.sourceSha256().equals(sha256)) {
      problems.add(
          "the artifact was made from %s with SHA-256 %s, but that of %s is %s"
              .formatted(metadata.source(), metadata.sourceSha256(), source.source(), sha256));
    }
  }

  /** The position policy may have been chosen at conversion; all else follows from the source. */
  private void compareModel() {
    VitConfig ours = artifact.config();
    VitConfig theirs = source.config();
    if (!ours.equals(theirs.withPositionPolicy(ours.positionPolicy()))) {
      problems.add("the artifact is a model of %s, the source of %s".formatted(ours, theirs));
    }
    if (!artifact.preprocessing().equals(source.preprocessing())) {
      problems.add(
          "the artifact's preprocessing is %s, the source's %s"
              .formatted(artifact.preprocessing(), source.preprocessing()));
    }
  }

  private void compareTensors() {
    Set<String> names = new TreeSet<>(artifact.tensors().keySet());
    names.addAll(source.tensors().keySet());
    long total = artifact.tensors().values().stream().mapToLong(TensorInfo::elements).sum();
    for (String name : names) {
      TensorInfo ours = artifact.tensors().get(name);
      TensorInfo theirs = source.tensors().get(name);
      if (ours == null || theirs == null) {
        problems.add("only the %s has %s".formatted(ours == null ? "source" : "artifact", name));
      } else if (!ours.shape().equals(theirs.shape())) {
        problems.add(
            "%s is %s in the artifact, %s in the source"
                .formatted(name, ours.shape(), theirs.shape()));
      } else {
        compare(ours, artifact::read, source::read);
        listener.progress("comparing", elements * Float.BYTES, total * Float.BYTES);
      }
    }
  }

  /**
   * What the artifact has in the place of registers and the source has not: as trained if there is
   * nothing of that kind. A bias for the same neurons is compared number by number.
   */
  private Registers compareRegisters() {
    Registers ours = artifact.registers();
    if (ours instanceof AttentionBias bias
        && source.registers() instanceof AttentionBias other
        && bias.neurons().equals(other.neurons())) {
      for (String name : RegistersFile.TENSORS) {
        compare(
            artifact.checkpoint().tensor(name),
            artifact.checkpoint()::read,
            source.checkpoint()::read);
      }
      return Registers.asTrained();
    }
    return ours.equals(source.registers()) ? Registers.asTrained() : ours;
  }

  private interface Reader {
    void read(String tensor, long first, float[] target, int offset, int count);
  }

  private void compare(TensorInfo info, Reader ours, Reader theirs) {
    DType dtype = DType.valueOf(info.dtype());
    Mismatch mismatch = null;
    for (long first = 0; first < info.elements(); first += CHUNK) {
      int count = (int) Math.min(CHUNK, info.elements() - first);
      ours.read(info.name(), first, actual, 0, count);
      theirs.read(info.name(), first, expected, 0, count);
      round(info, dtype, count);
      for (int i = 0; i < count; i++) {
        if (Float.floatToRawIntBits(actual[i]) != Float.floatToRawIntBits(expected[i])) {
          mismatch =
              mismatch == null
                  ? new Mismatch(info.name(), 1, first + i, actual[i], expected[i])
                  : another(mismatch);
        }
      }
    }
    if (mismatch != null) {
      mismatches.add(mismatch);
    }
    tensors++;
    elements += info.elements();
  }

  private static Mismatch another(Mismatch first) {
    return new Mismatch(
        first.tensor(),
        first.differences() + 1,
        first.firstIndex(),
        first.actual(),
        first.expected());
  }

  private void round(TensorInfo info, DType dtype, int count) {
    MemorySegment segment = MemorySegment.ofArray(rounded);
    try {
      dtype.encode(expected, 0, segment, 0, count);
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          source.source() + ": " + info.name() + " cannot be stored as " + dtype, e);
    }
    dtype.decode(segment, 0, expected, 0, count);
  }
}
