package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Activation;
import java.util.ArrayList;
import java.util.List;

/** The verbs of a network. */
final class Verbs {

  private Verbs() {}

  /** All of a forward pass, once each, but attention. */
  static List<Verb> besideAttention(ModelSize model, Batch batch) {
    List<Verb> verbs = new ArrayList<>();
    verbs.add(new PatchEmbedVerb(model, batch, false));
    for (ModelSize.Product product : model.products()) {
      verbs.add(product(product, batch, ModelSize.tokens(batch.pixels())));
    }
    verbs.add(new NormPoolVerb(model, batch, false));
    return verbs;
  }

  /**
   * What a few requests need beside that, and images that come as floats: it has to be right, and
   * nobody waits for it.
   */
  static List<Verb> ofFewRequests(ModelSize model, Batch batch) {
    int width = model.width();
    int tokens = ModelSize.tokens(batch.pixels());
    var hidden = new ModelSize.Product("hidden", 128, width, Activation.GELU, false);
    var residual = new ModelSize.Product("residual", 128, width, Activation.NONE, true);
    return List.of(
        new PatchEmbedVerb(model, batch, true),
        new NormPoolVerb(model, batch, true),
        new RegistersVerb(product(hidden, batch, tokens), tokens),
        new RegistersVerb(product(residual, batch, tokens), tokens));
  }

  /** A product with what stands around it. */
  static Verb product(ModelSize.Product product, Batch batch, int tokens) {
    return product.added()
        ? new LinearAddVerb(product, batch, tokens)
        : new NormLinearVerb(product, batch, tokens);
  }
}
