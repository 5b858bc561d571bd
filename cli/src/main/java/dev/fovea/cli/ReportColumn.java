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
import dev.fovea.analysis.Box;
import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.KMeans;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.analysis.RegisterAblations;
import dev.fovea.analysis.RegisterNeurons;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.probes.ClassificationHead;
import dev.fovea.probes.Prediction;
import dev.fovea.probes.ProbeReport;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What a report says of one model, or of one way to run it. Lists have an element for each image.
 *
 * @param name as the reader shall know it
 * @param config of the network
 * @param settings by which the rest was found
 * @param photographs what the model saw
 * @param outliers of all images
 * @param attention in the blocks that were asked for
 * @param colors of the principal components, which all images share
 * @param segments [P]: of each patch the segment, which all images share
 * @param objects what LOST finds
 * @param predictions of a head; empty without one
 * @param ablations what changes with the registers; empty for a model without any
 * @param probes if there was a folder of classes for them
 * @param neurons those whose activations a test-time register has got, if this is about one
 */
record ReportColumn(
    String name,
    VitConfig config,
    Settings settings,
    List<Photograph> photographs,
    Outliers outliers,
    List<AttentionMaps> attention,
    ComponentColors colors,
    List<int[]> segments,
    List<Lost> objects,
    List<List<Prediction>> predictions,
    List<RegisterAblations.Outcome> ablations,
    Optional<ProbeReport> probes,
    Optional<RegisterNeurons.Choice> neurons) {

  /** Images whose registers are changed at most: there are two forward passes for every change. */
  static final int MOST_ABLATED = 8;

  private static final int PREDICTIONS = 3;
  private static final int SEED = 1;

  /**
   * How a column is made.
   *
   * @param rule which patches are outliers
   * @param block after which block norms are looked at; null for the last one
   * @param attention whose attention, and how much of it
   * @param components how they become colours
   * @param lost how objects are looked for
   * @param segments how many
   */
  record Settings(
      OutlierRule rule,
      Integer block,
      AttentionOptions attention,
      ComponentOptions components,
      LostOptions lost,
      int segments) {

    /** The same with another rule. */
    Settings withRule(OutlierRule other) {
      return new Settings(other, block, attention, components, lost, segments);
    }
  }

  /**
   * An image.
   *
   * @param seen as people see what the model sees
   * @param truth boxes that people have drawn around its objects, in patches; empty without any
   */
  record Photograph(Image.Rgb seen, List<Box> truth) {}

  /**
   * Runs a model on images, once each.
   *
   * @param images read one after the other, so that they need not all be in memory
   * @param photographs the same images
   * @param registers in the place of the model's own; null for those
   */
  static ReportColumn of(
      String name,
      Fovea model,
      List<Image> images,
      List<Photograph> photographs,
      Registers registers,
      Settings settings) {
    VitConfig config = model.config();
    FeatureRequest request = request(config, registers, settings);
    List<TokenStatistics> statistics = new ArrayList<>();
    List<AttentionMaps> attention = new ArrayList<>();
    List<PatchFeatures> patches = new ArrayList<>();
    List<Lost> objects = new ArrayList<>();
    for (Image image : images) {
      Features features = model.features(image, request);
      statistics.add(TokenStatistics.of(features, config));
      attention.add(AttentionMaps.of(features, request, config));
      patches.add(PatchFeatures.of(features, PatchFeatures.Source.TOKENS, config));
      PatchFeatures compared = PatchFeatures.of(features, settings.lost().source(), config);
      objects.add(Lost.find(compared, settings.lost().settings()));
    }
    int block = settings.block() == null ? config.depth() - 1 : settings.block();
    return new ReportColumn(
        name,
        config,
        settings,
        photographs,
        Outliers.find(statistics, settings.rule(), block),
        attention,
        settings.components().colors(patches),
        KMeans.segments(patches, settings.segments(), SEED),
        objects,
        List.of(),
        List.of(),
        Optional.empty(),
        Optional.empty());
  }

  private static FeatureRequest request(VitConfig config, Registers registers, Settings settings) {
    Set<Feature> features = EnumSet.copyOf(settings.lost().source().request().features());
    features.add(Feature.PATCHES);
    FeatureRequest request =
        FeatureRequest.of(Feature.PATCH_EMBEDDINGS, features.toArray(Feature[]::new))
            .withAllBlocks(config.depth())
            .withPrefixAttention(settings.attention().blocks(config.depth()));
    return registers == null ? request : request.withRegisters(registers);
  }

  /** What LOST has found in an image beside what people have marked, in patches. */
  Localization localization(int index) {
    return new Localization(objects.get(index).box(), photographs.get(index).truth());
  }

  /** Those of the images in which the model sees a part of something annotated. */
  List<Localization> localizations() {
    return IntStream.range(0, objects.size())
        .mapToObj(this::localization)
        .filter(localization -> !localization.truth().isEmpty())
        .toList();
  }

  /** Whether there is anything annotated to be seen. */
  boolean annotated() {
    return !localizations().isEmpty();
  }

  /** With what a head makes of the images. */
  ReportColumn classified(Fovea model, ClassificationHead head, List<Image> images) {
    List<List<Prediction>> found = new ArrayList<>();
    for (Image image : images) {
      found.add(head.classify(model, image, Math.min(PREDICTIONS, head.labels().size())));
    }
    return with(found, ablations, probes, neurons);
  }

  /** With what changes with the registers of some of the images. */
  ReportColumn ablated(Fovea model, List<Image> images) {
    List<Image> some = images.subList(0, Math.min(MOST_ABLATED, images.size()));
    return with(predictions, RegisterAblations.of(model, some, SEED), probes, neurons);
  }

  /** With what probes have found. */
  ReportColumn probed(ProbeReport report) {
    return with(predictions, ablations, Optional.of(report), neurons);
  }

  /**
   * The same model with a test-time register, if it has patches that stand out and nothing in the
   * place of registers yet. Norms are held against the same cutoff.
   */
  Optional<ReportColumn> withTestTimeRegister(Fovea model, List<Image> images) {
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
        of(name + " + test-time register", model, images, photographs, choice.register(), same);
    return Optional.of(column.with(List.of(), List.of(), Optional.empty(), Optional.of(choice)));
  }

  private ReportColumn with(
      List<List<Prediction>> newPredictions,
      List<RegisterAblations.Outcome> newAblations,
      Optional<ProbeReport> newProbes,
      Optional<RegisterNeurons.Choice> newNeurons) {
    return new ReportColumn(
        name,
        config,
        settings,
        photographs,
        outliers,
        attention,
        colors,
        segments,
        objects,
        newPredictions,
        newAblations,
        newProbes,
        newNeurons);
  }
}
