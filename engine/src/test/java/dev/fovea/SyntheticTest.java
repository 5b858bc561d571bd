package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Synthetic weights are bit for bit those of the reference, and the sizes are the published ones.
 */
class SyntheticTest {

  @Test
  void tensorsThatAreNotThereAreRefused() {
    try (SyntheticCheckpoint checkpoint = new SyntheticCheckpoint("synthetic:tiny")) {
      assertThatThrownBy(() -> checkpoint.read("register_tokens", 0, new float[1], 0, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("synthetic:tiny has no tensor \"register_tokens\"");
      assertThatThrownBy(() -> checkpoint.read("norm.bias", 127, new float[2], 0, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-reg4, 9cd48ed90a8332eca03cd6781776679e308851e08e9516a4df246e9e35cf57aa",
    "tiny-reg4@1, 9cd48ed90a8332eca03cd6781776679e308851e08e9516a4df246e9e35cf57aa",
    "tiny-swiglu-reg2@7, 17863185fdea58d17221410c6b1bea1d57fa5aed93f335ced74ffe0824a881ee"
  })
  void weightsAreThoseOfTheReference(String model, String sha256) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    try (SyntheticCheckpoint checkpoint = new SyntheticCheckpoint("synthetic:" + model)) {
      for (TensorInfo tensor : checkpoint.tensors().values()) {
        digest.update(bytes(checkpoint, tensor));
      }
    }
    assertThat(HexFormat.of().formatHex(digest.digest())).isEqualTo(sha256);
  }

  private static byte[] bytes(SyntheticCheckpoint checkpoint, TensorInfo tensor) {
    int elements = Math.toIntExact(tensor.elements());
    float[] values = new float[elements];
    int half = elements / 2;
    checkpoint.read(tensor.name(), 0, values, 0, half);
    checkpoint.read(tensor.name(), half, values, half, elements - half);
    ByteBuffer buffer = ByteBuffer.allocate(Float.BYTES * elements).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asFloatBuffer().put(values);
    return buffer.array();
  }

  /**
   * Parameters and tensors of the published checkpoints, without mask_token as published counts go.
   */
  @ParameterizedTest
  @CsvSource({
    "small-reg4, 22058112, 176", "base-reg4, 86583552, 176",
    "large-reg4, 304372736, 344", "giant-reg4, 1136486912, 568",
    "small, 22056576, 175", "giant, 1136480768, 567"
  })
  void sizesAreThePublishedOnes(String model, long parameters, int tensors) {
    try (SyntheticCheckpoint checkpoint = new SyntheticCheckpoint("synthetic:" + model)) {
      assertThat(checkpoint.tensors()).hasSize(tensors);
      assertThat(checkpoint.tensors().values().stream().mapToLong(TensorInfo::elements).sum())
          .isEqualTo(parameters);
    }
  }

  @Test
  void seedsGiveDifferentWeights() {
    float[] one = SyntheticCheckpoint.uniform("cls_token", 1, 8);
    assertThat(SyntheticCheckpoint.uniform("cls_token", 2, 8)).isNotEqualTo(one);
  }
}
