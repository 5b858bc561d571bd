package dev.fovea.bench.peers;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import java.lang.foreign.MemorySegment;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** Fovea through its public API: into the caller's memory where it has that, which is one image. */
final class FoveaRunner implements Runner {

  private final Fovea model;
  private final List<Image> images;
  private final Feature feature;
  private final FeatureRequest request;
  private final float[] single;
  private List<Features> several;

  FoveaRunner(Path checkpoint, Task task, int threads) {
    float[] samples = task.images();
    images =
        IntStream.range(0, task.batch())
            .mapToObj(i -> Image.planes(task.pixels(), task.pixels(), task.image(samples, i)))
            .toList();
    model = Fovea.open(checkpoint, Options.DEFAULT.withThreads(threads));
    feature = task.output() == Output.CLS ? Feature.CLS : Feature.TOKENS;
    request = FeatureRequest.of(feature);
    long bytes = model.layout(images.getFirst(), request).bytes();
    single = new float[Math.toIntExact(bytes / Float.BYTES)];
  }

  @Override
  public void run() {
    if (images.size() == 1) {
      model.features(images.getFirst(), request, MemorySegment.ofArray(single));
    } else {
      several = model.featuresAll(images, request);
    }
  }

  @Override
  public float[] result() {
    if (images.size() == 1) {
      return single.clone();
    }
    FloatBuffer all = FloatBuffer.allocate(images.size() * single.length);
    several.forEach(features -> all.put(features.get(feature)));
    return all.array();
  }

  @Override
  public String version() {
    return model.device();
  }

  @Override
  public void close() {
    model.close();
  }
}
