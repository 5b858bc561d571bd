package dev.fovea.cli;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.VitConfig;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.KMeans;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.analysis.RegisterNeurons;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.probes.ClassificationHead;
import dev.fovea.probes.Prediction;
import dev.fovea.probes.ProbeReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a report says of one model, or of one way to run it. Lists have an element for each image.
 *
 * @param name as the reader shall know it
 * @param config of the network
 * @param seen what the model saw
 * @param rule that gave the cutoff
 * @param outliers of all images
 * @param attention in the last block
 * @param colors of the principal components, which all images share
 * @param segments [P]: of each patch the segment, which all images share
 * @param objects what LOST finds on the keys of the last block
 * @param predictions of a head; empty without one
 * @param probes if there was a folder of classes for them
 * @param neurons those whose activations a test-time register has got, if this is about one
 */
record ReportColumn(
    String name,
    VitConfig config,
    List<Image.Rgb> seen,
    OutlierRule rule,
    Outliers outliers,
    List<AttentionMaps> attention,
    ComponentColors colors,
    List<int[]> segments,
    List<Lost> objects,
    List<List<Prediction>> predictions,
    Optional<ProbeReport> probes,
    Optional<RegisterNeurons.Choice> neurons) {

  private static final int PREDICTIONS = 3;
  private static final int SEED = 1;

  /**
   * How a column is made.
   *
   * @param rule which patches are outliers
   * @param block after which block norms are looked at; null for the last one
   * @param segments how many
   */
  record Settings(OutlierRule rule, Integer block, int segments) {

    /** The same with another rule. */
    Settings withRule(OutlierRule other) {
      return new Settings(other, block, segments);
    }
  }

  /**
   * Runs a model on images, once each.
   *
   * @param images read one after the other, so that they need not all be in memory
   * @param seen the images as people see what the model sees
   * @param registers in the place of the model's own; null for those
   */
  static ReportColumn of(
      String name,
      Fovea model,
      List<Image> images,
      List<Image.Rgb> seen,
      Registers registers,
      Settings settings) {
    FeatureRequest request = request(model.config(), registers);
    List<TokenStatistics> statistics = new ArrayList<>();
    List<AttentionMaps> attention = new ArrayList<>();
    List<PatchFeatures> patches = new ArrayList<>();
    List<Lost> objects = new ArrayList<>();
    for (Image image : images) {
      Features features = model.features(image, request);
      statistics.add(TokenStatistics.of(features, model.config()));
      attention.add(AttentionMaps.of(features, request, model.config()));
      patches.add(PatchFeatures.of(features, PatchFeatures.Source.TOKENS, model.config()));
      PatchFeatures keys = PatchFeatures.of(features, PatchFeatures.Source.KEYS, model.config());
      objects.add(Lost.find(keys, Lost.Settings.ORIGINAL));
    }
    int block = settings.block() == null ? model.config().depth() - 1 : settings.block();
    return new ReportColumn(
        name,
        model.config(),
        seen,
        settings.rule(),
        Outliers.find(statistics, settings.rule(), block),
        attention,
        ComponentColors.of(patches),
        KMeans.segments(patches, settings.segments(), SEED),
        objects,
        List.of(),
        Optional.empty(),
        Optional.empty());
  }

  private static FeatureRequest request(VitConfig config, Registers registers) {
    FeatureRequest request =
        FeatureRequest.of(Feature.PATCH_EMBEDDINGS, Feature.PATCHES, Feature.KEYS)
            .withAllBlocks(config.depth())
            .withPrefixAttention(config.depth() - 1);
    return registers == null ? request : request.withRegisters(registers);
  }

  /** With what a head makes of the images. */
  ReportColumn classified(Fovea model, ClassificationHead head, List<Image> images) {
    List<List<Prediction>> found = new ArrayList<>();
    for (Image image : images) {
      found.add(head.classify(model, image, Math.min(PREDICTIONS, head.labels().size())));
    }
    return with(found, probes, neurons);
  }

  /** With what probes have found. */
  ReportColumn probed(ProbeReport report) {
    return with(predictions, Optional.of(report), neurons);
  }

  /**
   * The same model with a test-time register, if it has patches that stand out and nothing in the
   * place of registers yet. Norms are held against the same cutoff.
   */
  Optional<ReportColumn> withTestTimeRegister(Fovea model, List<Image> images, Settings settings) {
    OptionalDouble cutoff = outliers.cutoff();
    boolean registers =
        model.config().registers() > 0 || !(model.registers() instanceof Registers.AsTrained);
    if (registers || outliers.count() == 0 || cutoff.isEmpty()) {
      return Optional.empty();
    }
    RegisterNeurons.Search search =
        new RegisterNeurons.Search(settings.rule(), settings.block(), null);
    RegisterNeurons.Choice choice =
        RegisterNeurons.find(model, images, search)
            .choose(model, images, TestTimeRegister.Form.PAPER);
    Settings same = settings.withRule(new OutlierRule.Fixed(cutoff.getAsDouble()));
    ReportColumn column =
        of(name + " + test-time register", model, images, seen, choice.register(), same);
    return Optional.of(column.with(List.of(), Optional.empty(), Optional.of(choice)));
  }

  private ReportColumn with(
      List<List<Prediction>> newPredictions,
      Optional<ProbeReport> newProbes,
      Optional<RegisterNeurons.Choice> newNeurons) {
    return new ReportColumn(
        name,
        config,
        seen,
        rule,
        outliers,
        attention,
        colors,
        segments,
        objects,
        newPredictions,
        newProbes,
        newNeurons);
  }
}
