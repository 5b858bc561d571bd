package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.DecodeOptions;
import dev.fovea.Fovea;
import dev.fovea.FoveaException;
import dev.fovea.Preprocessing;
import dev.fovea.ProgressListener;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.probes.ImageSet.Sample;
import dev.fovea.probes.ProbeReport.PatchScore;
import dev.fovea.probes.ProbeReport.TokenScore;
import dev.fovea.probes.ProbeSettings.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From images on disk to scores, with a tiny model: pictures in three colours. */
class ProbesTest {

  private static final String MODEL = "synthetic:tiny-reg4";
  private static final int EACH = 10;

  @TempDir private Path folder;
  private Fovea model;
  private TokenStore store;

  @BeforeEach
  void open() {
    String[] names = {"blue", "green", "red"};
    for (int i = 0; i < 3 * EACH; i++) {
      Path file = folder.resolve("data/" + names[i % 3] + "/" + i + ".bmp");
      TestImages.write(file, 42, 42, 0xc0 << (8 * (i % 3)), i);
    }
    model = Fovea.open(MODEL);
    store =
        new TokenStore(
            model,
            MODEL,
            Preprocessing.DINOV2.withSize(0, 0, 0),
            DecodeOptions.DEFAULT,
            folder.resolve("cache"));
  }

  @AfterEach
  void close() {
    model.close();
  }

  private ImageSet images() {
    return ImageSet.read(folder.resolve("data"), 0.4, 1);
  }

  private ProbeReport run(ProbeSettings settings) {
    return Probes.run(store, images(), settings, ProgressListener.NONE);
  }

  private static ProbeSettings settings(Set<Task> tasks, List<Token.Kind> tokens, double cutoff) {
    return new ProbeSettings(tasks, tokens, new OutlierRule.Fixed(cutoff), 1, 20, 0.07, 1e-4, 0);
  }

  @Test
  void everyTokenTellsColoursApart() {
    ProbeReport report = run(ProbeSettings.DEFAULT);
    assertThat(report.classification())
        .extracting(TokenScore::token)
        .containsExactly(
            "cls",
            "mean",
            "register-0",
            "register-1",
            "register-2",
            "register-3",
            "normal",
            "outlier");
    assertThat(report.classification().subList(0, 7))
        .allSatisfy(
            score -> {
              assertThat(score.train()).isEqualTo(18);
              assertThat(score.validation()).isEqualTo(12);
              assertThat(score.linear()).hasValue(1);
              assertThat(score.neighbours()).hasValue(1);
            });
  }

  /** Colours say nothing about places, position embeddings do. */
  @Test
  void patchesKnowTheirPlaceAndTheirColour() {
    List<PatchScore> scores = run(ProbeSettings.DEFAULT).patches();
    PatchScore normal = scores.getFirst();
    assertThat(normal.outliers()).isFalse();
    assertThat(scores.getLast().outliers()).isTrue();
    assertThat(normal.patches() + scores.getLast().patches()).isEqualTo(12 * 9);
    // By chance, 12 of 108 are right, with a standard deviation of 3.3: five of them are more.
    assertThat(normal.position().getAsDouble()).isGreaterThan((12 + 5 * 3.3) / 108);
    // By chance, two of nine places are 1.45 patches apart on average.
    assertThat(normal.distance().getAsDouble()).isLessThan(1);
    assertThat(normal.pixels()).isPresent();
  }

  @Test
  void theCutoffDividesThePatches() {
    ImageSet images = images();
    double[] norms =
        images.train().stream()
            .flatMap(
                sample -> {
                  float[] some = store.patches(sample.file()).norms();
                  return IntStream.range(0, some.length).mapToObj(i -> (double) some[i]);
                })
            .mapToDouble(Double::doubleValue)
            .sorted()
            .toArray();
    double median = norms[norms.length / 2];
    ProbeReport report =
        run(
            settings(
                Set.of(Task.KNN, Task.POSITION),
                List.of(Token.Kind.NORMAL, Token.Kind.OUTLIER),
                median));
    long above =
        images.validation().stream()
            .mapToLong(
                sample -> {
                  long count = 0;
                  for (float norm : store.patches(sample.file()).norms()) {
                    count += norm > median ? 1 : 0;
                  }
                  return count;
                })
            .sum();
    assertThat(above).isPositive();
    assertThat(report.cutoff()).hasValue(median);
    assertThat(report.patches().getLast().patches()).isEqualTo(above);
    assertThat(report.patches().getFirst().patches()).isEqualTo(12 * 9 - above);
    assertThat(report.patches()).allSatisfy(score -> assertThat(score.pixels()).isEmpty());
    assertThat(report.classification()).allSatisfy(score -> assertThat(score.linear()).isEmpty());
    assertThat(report.classification().getLast().train()).isPositive();
  }

  @Test
  void withoutOutliersThereIsNoScoreOfThem() {
    ProbeReport report =
        run(settings(Set.of(Task.LINEAR, Task.PIXELS), List.of(Token.Kind.OUTLIER), 1e9));
    assertThat(report.classification())
        .containsExactly(
            new TokenScore("outlier", 0, 0, OptionalDouble.empty(), OptionalDouble.empty()));
    assertThat(report.patches().getLast())
        .isEqualTo(
            new PatchScore(
                true, 0, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty()));
  }

  @Test
  void aSecondRunGivesTheSameWithoutTheModel() {
    ProbeReport first = run(ProbeSettings.DEFAULT);
    model.close();
    assertThat(run(ProbeSettings.DEFAULT)).isEqualTo(first);
  }

  @Test
  void classesAreNeededForClassesOnly() {
    ImageSet one = ImageSet.read(folder.resolve("data/red"), 0.5, 1);
    assertThatThrownBy(() -> Probes.run(store, one, ProbeSettings.DEFAULT, ProgressListener.NONE))
        .isInstanceOf(FoveaException.class)
        .hasMessageContaining("two classes at least, found none");
    ProbeSettings pixels = settings(Set.of(Task.PIXELS), List.of(), 100);
    assertThat(Probes.run(store, one, pixels, ProgressListener.NONE).patches().getFirst().pixels())
        .isPresent();
    ImageSet none = new ImageSet(List.of("a", "b"), List.of(), List.of());
    assertThatThrownBy(() -> Probes.run(store, none, pixels, ProgressListener.NONE))
        .isInstanceOf(FoveaException.class)
        .hasMessageContaining("got 0 and 0");
  }

  @Test
  void imagesOfDifferentSizesHaveNoCommonPositions() {
    TestImages.write(folder.resolve("data/red/large.bmp"), 56, 42, 0, 99);
    ProbeSettings position = settings(Set.of(Task.POSITION), List.of(), 100);
    assertThatThrownBy(() -> run(position))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("patches");
  }

  /** As many patches, but in other rows: a place in one image is another place in the other. */
  @Test
  void imagesOfDifferentShapesHaveNoCommonPositions() {
    Sample wide = new Sample(TestImages.write(folder.resolve("wide.bmp"), 84, 56, 0, 1), 0);
    Sample same = new Sample(TestImages.write(folder.resolve("same.bmp"), 84, 56, 0, 2), 0);
    Sample tall = new Sample(TestImages.write(folder.resolve("tall.bmp"), 56, 84, 0, 3), 0);
    for (Task task : List.of(Task.POSITION, Task.PIXELS)) {
      ProbeSettings settings = settings(Set.of(task), List.of(), 100);
      for (ImageSet images :
          List.of(
              new ImageSet(List.of(), List.of(wide, tall), List.of(same)),
              new ImageSet(List.of(), List.of(wide, same), List.of(tall)))) {
        assertThatThrownBy(() -> Probes.run(store, images, settings, ProgressListener.NONE))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(tall.file() + " has 6 x 4 patches")
            .hasMessageContaining("4 x 6");
      }
    }
  }

  @Test
  void registersCannotBeProbedWhereThereAreNone() {
    ProbeSettings registers = settings(Set.of(Task.KNN), List.of(Token.Kind.REGISTER), 100);
    try (Fovea plain = Fovea.open("synthetic:tiny")) {
      TokenStore others =
          new TokenStore(
              plain, "tiny", Preprocessing.DINOV2, DecodeOptions.DEFAULT, folder.resolve("cache"));
      assertThatThrownBy(() -> Probes.run(others, images(), registers, ProgressListener.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("expected a model with registers, synthetic:tiny has none");
    }
  }

  @Test
  void settingsThatMeanNothingAreRefused() {
    assertThatThrownBy(() -> settings(Set.of(), List.of(), 100))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> settings(Set.of(Task.KNN), List.of(), 100))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () ->
                new ProbeSettings(
                    Set.of(Task.PIXELS), List.of(), new OutlierRule.Valley(), 1, 0, 1, 1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("neighbours 0");
  }
}
