package dev.fovea;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.PositionTable;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Serves the requests of one open model: prepares images on the calling thread (of a list, where a
 * GPU computes, the next ones on others meanwhile), then runs one plan at a time, which has the
 * whole device. Where that is lost and another may take its place, the request is run again there.
 *
 * <p>A request for a shape that has been seen allocates nothing besides its result.
 */
final class Session implements AutoCloseable {

  private static final Logger LOGGER = System.getLogger("dev.fovea");

  /**
   * Side of a warm-up's image where the preprocessing leaves it open: that of a 224 pixel image.
   */
  private static final int USUAL_PATCHES = 16;

  private static final int FEWEST_PATCHES = 2;

  private static final int WARM_UP_RUNS = 12;

  /** Plans kept; each holds the activations of its shape. */
  private static final int PLANS = 8;

  /** Position tables kept. */
  private static final int TABLES = 16;

  /** Most images that share a plan, however small they are and however large the device. */
  static final int BATCH_IMAGES = 64;

  /** What a position table is made for. */
  private record Grid(int rows, int columns, int registers) {}

  /** The model as it was trained. */
  private final VitConfig config;

  private final Fingerprint fingerprint;

  /** For requests that say nothing about registers. */
  private final RegisterEdits edits;

  private final Preprocessing preprocessing;
  private final float[] lookup;
  private final Placement placement;

  /** Fair, so that no caller waits for ever; guards everything below. */
  private final ReentrantLock running = new ReentrantLock(true);

  /** Most recently used first. */
  private final List<ForwardPlan> plans = new ArrayList<>(PLANS + 1);

  private final SequencedMap<Grid, PositionTable> tables = new LinkedHashMap<>(TABLES, 0.75f, true);

  /**
   * Null once closed, so that the weights' memory is free even while somebody keeps the session.
   */
  private VisionTransformer model;

  /** What the model is on, or was when it was closed; written with the lock held. */
  private volatile Device device;

  /** Guarded by itself; callers borrow while they prepare an image. */
  private final Deque<PreparedImage> idle = new ArrayDeque<>();

  /** Requests wait for its end. */
  private final Rehearsal rehearsal;

  Session(
      RegisterEdits edits,
      Fingerprint fingerprint,
      VisionTransformer model,
      Preprocessing preprocessing,
      Placement placement) {
    this.config = edits.trained();
    this.edits = edits;
    this.fingerprint = fingerprint;
    this.model = model;
    this.device = model.device();
    this.preprocessing = preprocessing;
    this.lookup = Preprocessor.lookup(preprocessing);
    this.placement = placement;
    this.rehearsal = placement.rehearsal();
  }

  /** What the model is as it was trained. */
  VitConfig config() {
    return config;
  }

  /** What the model runs on, in one line. */
  String device() {
    return device.description();
  }

  FeatureLayout layout(Image image, FeatureRequest request) {
    check(request);
    Preprocessor.Size size = PreparedImage.size(image, preprocessing, config.patch());
    return new FeatureLayout(edits(request).config(), request, size.height(), size.width());
  }

  /** Runs one image and writes its features to {@code target}. */
  FeatureLayout run(Image image, FeatureRequest request, MemorySegment target) {
    Objects.requireNonNull(image, "image");
    Objects.requireNonNull(target, "target");
    check(request);
    PreparedImage prepared = borrow();
    try {
      prepared.prepare(image, config.patch());
      running.lock();
      try {
        return runAlone(prepared, request, target);
      } catch (DeviceLostException e) {
        replaceDevice(e);
        return runAlone(prepared, request, target);
      } finally {
        running.unlock();
      }
    } finally {
      giveBack(prepared);
    }
  }

  private FeatureLayout runAlone(
      PreparedImage image, FeatureRequest request, MemorySegment target) {
    ForwardPlan plan = plan(image, 1, request);
    checkTarget(target, plan.layout());
    image.copyTo(plan.pixels(), 0);
    rehearsal.await();
    plan.run();
    plan.copyFeatures(0, target, 0);
    return plan.layout();
  }

  /** Runs images in batches of neighbours that have the same size. */
  List<Features> runAll(List<Image> images, FeatureRequest request) {
    check(request);
    List<Features> results = new ArrayList<>(images.size());
    List<PreparedImage> batch = new ArrayList<>();
    int ahead = device.leavesProcessorsIdle() ? BATCH_IMAGES : 0;
    try (PreparedImages prepared =
        new PreparedImages(images, ahead, this::prepared, this::giveBack)) {
      while (prepared.hasNext()) {
        PreparedImage image = prepared.next();
        if (!batch.isEmpty() && !fits(image, batch)) {
          results.addAll(runBatch(batch, request));
        }
        batch.add(image);
      }
      if (!batch.isEmpty()) {
        results.addAll(runBatch(batch, request));
      }
      return results;
    } finally {
      batch.forEach(this::giveBack);
    }
  }

  private PreparedImage prepared(Image image) {
    Objects.requireNonNull(image, "image");
    PreparedImage prepared = borrow();
    prepared.prepare(image, config.patch());
    return prepared;
  }

  private boolean fits(PreparedImage image, List<PreparedImage> batch) {
    int tokens = config.tokens(image.height(), image.width());
    return image.sameShape(batch.getFirst())
        && batch.size() < Math.clamp(device.batchTokens() / tokens, 1, BATCH_IMAGES);
  }

  /** Runs a batch, gives its images back and empties it. */
  private List<Features> runBatch(List<PreparedImage> batch, FeatureRequest request) {
    List<Features> results;
    running.lock();
    try {
      results = runTogether(batch, request);
    } catch (DeviceLostException e) {
      replaceDevice(e);
      results = runTogether(batch, request);
    } finally {
      running.unlock();
    }
    batch.forEach(this::giveBack);
    batch.clear();
    return results;
  }

  private List<Features> runTogether(List<PreparedImage> batch, FeatureRequest request) {
    ForwardPlan plan = plan(batch.getFirst(), batch.size(), request);
    int floats = plan.layout().floats();
    for (int i = 0; i < batch.size(); i++) {
      batch.get(i).copyTo(plan.pixels(), i * plan.shape().pixelBytes());
    }
    rehearsal.await();
    plan.run();
    List<Features> results = new ArrayList<>(batch.size());
    for (int i = 0; i < batch.size(); i++) {
      MemorySegment target = MemorySegment.ofArray(new float[floats]);
      plan.copyFeatures(i, target, 0);
      results.add(new Features(plan.layout(), target));
    }
    return results;
  }

  /**
   * Puts the model on another device than the one that was lost, if the options allow it. Called
   * with the lock held.
   */
  private void replaceDevice(DeviceLostException loss) {
    VisionTransformer replacement = placement.replace(loss, config);
    dropPlans();
    device.close();
    model = replacement;
    device = replacement.device();
  }

  /** The plan for a shape, from the cache or newly recorded. Called with the lock held. */
  private ForwardPlan plan(PreparedImage image, int images, FeatureRequest request) {
    if (model == null) {
      throw new IllegalStateException("this model is closed: open it again, or close it later");
    }
    for (int i = 0; i < plans.size(); i++) {
      ForwardPlan plan = plans.get(i);
      ForwardPlan.Shape shape = plan.shape();
      if (shape.images() == images
          && shape.rgb() == image.isRgb()
          && shape.height() == image.height()
          && shape.width() == image.width()
          && shape.request().equals(request)) {
        if (i > 0) {
          plans.remove(i);
          plans.addFirst(plan);
        }
        return plan;
      }
    }
    ForwardPlan plan =
        recordOrMakeRoom(
            new ForwardPlan.Shape(image.isRgb(), images, image.height(), image.width(), request));
    plans.addFirst(plan);
    if (plans.size() > PLANS) {
      plans.removeLast().close();
    }
    return plan;
  }

  /** A new plan; where there is no memory for it beside the others, in their place. */
  private ForwardPlan recordOrMakeRoom(ForwardPlan.Shape shape) {
    try {
      return record(shape);
    } catch (OutOfMemoryError e) {
      if (plans.isEmpty()) {
        throw e;
      }
      dropPlans();
      return record(shape);
    }
  }

  private void dropPlans() {
    plans.forEach(ForwardPlan::close);
    plans.clear();
    tables.clear();
  }

  private ForwardPlan record(ForwardPlan.Shape shape) {
    int rows = shape.height() / config.patch();
    int columns = shape.width() / config.patch();
    RegisterEdits asked = edits(shape.request());
    int count = asked.config().registers();
    PositionTable table =
        tables.computeIfAbsent(
            new Grid(rows, columns, count), grid -> model.positions(rows, columns, count));
    if (tables.size() > TABLES) {
      tables.pollFirstEntry();
    }
    return new ForwardPlan(model, asked, table, lookup, shape);
  }

  /** What a request changes, after it was found that this model can be changed so. */
  private RegisterEdits edits(FeatureRequest request) {
    if (request.registers() == null) {
      return edits;
    }
    RegisterEdits asked = new RegisterEdits(request.registers(), config);
    asked.check(fingerprint);
    return asked;
  }

  /**
   * Runs images of the usual size until that does not get faster any more: what the rehearsal could
   * not know (loops of this length, the resizing of photographs) is compiled, and the plan is
   * there. First a tiny image that is normalised already, so that the compiler does not take
   * photographs for all that there are; then photographs.
   */
  void warmUp(FeatureRequest request) {
    int width = preprocessing.cropWidth();
    int height = preprocessing.cropHeight();
    boolean known = width > 0 && width % config.patch() == 0 && height % config.patch() == 0;
    if (known) {
      int shrunk = Math.min(2 * preprocessing.shortest(), 2048);
      Image photograph = shrunk > 0 ? blank(shrunk, shrunk) : blank(width, height);
      warmUp(planes(FEWEST_PATCHES), request, 1);
      warmUp(photograph, request, WARM_UP_RUNS);
    } else {
      warmUp(planes(USUAL_PATCHES), request, WARM_UP_RUNS);
    }
  }

  private static Image blank(int width, int height) {
    return Image.rgb(width, height, new byte[3 * width * height]);
  }

  private Image planes(int patches) {
    int side = patches * config.patch();
    return Image.planes(side, side, new float[3 * side * side]);
  }

  /**
   * Runs an image until three times in a row it was not a tenth faster than ever before. Waits a
   * little in between: that time is the compiler's.
   */
  private void warmUp(Image image, FeatureRequest request, int most) {
    MemorySegment target = MemorySegment.ofArray(new float[layout(image, request).floats()]);
    long best = Long.MAX_VALUE;
    int inVain = 0;
    for (int i = 0; i < most && inVain < 3; i++) {
      long begin = System.nanoTime();
      run(image, request, target);
      long nanos = System.nanoTime() - begin;
      inVain = nanos < 0.9 * best ? 0 : inVain + 1;
      best = Math.min(best, nanos);
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
    }
  }

  /** Starts {@link #warmUp} on a thread of its own, which ends with the session at the latest. */
  void warmUpInBackground(FeatureRequest request) {
    Thread.ofPlatform().daemon().name("fovea-warm-up").start(() -> warmUpUntilClosed(request));
  }

  private void warmUpUntilClosed(FeatureRequest request) {
    try {
      warmUp(request);
    } catch (RuntimeException | Error e) {
      LOGGER.log(Level.DEBUG, "The warm-up ended early, which does not matter to requests", e);
    }
  }

  @Override
  public void close() {
    running.lock();
    try {
      if (model != null) {
        model = null;
        dropPlans();
        device.close();
      }
    } finally {
      running.unlock();
    }
  }

  private void check(FeatureRequest request) {
    Objects.requireNonNull(request, "request");
    check(request.blocks());
    check(request.attentionBlocks());
    check(request.hiddenBlocks());
  }

  private void check(List<Integer> blocks) {
    if (!blocks.isEmpty() && blocks.getLast() >= config.depth()) {
      throw new IllegalArgumentException(
          "block "
              + blocks.getLast()
              + " does not exist; the model has blocks 0 to "
              + (config.depth() - 1));
    }
  }

  private static void checkTarget(MemorySegment target, FeatureLayout layout) {
    if (target.byteSize() < layout.bytes() || target.isReadOnly()) {
      throw new IllegalArgumentException(
          "the features need "
              + layout.bytes()
              + " writable bytes, the target has "
              + (target.isReadOnly() ? "none (it is read-only)" : target.byteSize()));
    }
  }

  private PreparedImage borrow() {
    synchronized (idle) {
      PreparedImage prepared = idle.poll();
      return prepared == null ? new PreparedImage(preprocessing) : prepared;
    }
  }

  private void giveBack(PreparedImage prepared) {
    prepared.forget();
    synchronized (idle) {
      if (idle.size() < BATCH_IMAGES) {
        idle.push(prepared);
      }
    }
  }
}
