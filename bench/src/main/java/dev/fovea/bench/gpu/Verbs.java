package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import java.util.ArrayList;
import java.util.List;

/** The verbs of a network. */
final class Verbs {

  private Verbs() {}

  /** All of a forward pass, once each, but attention. */
  static List<Verb> besideAttention(ModelSize model, Batch batch) {
    List<Verb> verbs = new ArrayList<>();
    verbs.add(new PatchEmbedVerb(model, batch));
    for (ModelSize.Product product : model.products()) {
      verbs.add(product(product, batch, ModelSize.tokens(batch.pixels())));
    }
    verbs.add(new NormPoolVerb(model, batch));
    return verbs;
  }

  /** A product with what stands around it. */
  static Verb product(ModelSize.Product product, Batch batch, int tokens) {
    return product.added()
        ? new LinearAddVerb(product, batch, tokens)
        : new NormLinearVerb(product, batch, tokens);
  }
}
