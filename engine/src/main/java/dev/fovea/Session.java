package dev.fovea;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceLostException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Serves the requests of one open model: prepares images on the calling thread (of a list, where a
 * GPU computes, the next ones on others meanwhile), then runs one plan at a time, which has the
 * whole device. Where that is lost, or has no room for an image, and another may take its place,
 * the request is run there; where it has no room for a batch, that is run in halves.
 *
 * <p>A request for a shape that has been seen allocates nothing besides its result, if the image
 * before it had the same size; else a few objects.
 */
final class Session implements AutoCloseable {

  private static final Logger LOGGER = System.getLogger("dev.fovea");

  /** Most images that share a plan, however small they are and however large the device. */
  static final int BATCH_IMAGES = 64;

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

  /**
   * Null once closed, so that the weights' memory is free even while somebody keeps the session.
   */
  private PlanCache plans;

  /** What the model is on, or was when it was closed; written with the lock held. */
  private volatile Device device;

  /** Most tokens of a plan: as many as the device wants until it has no room for them. */
  private volatile int batchTokens;

  /**
   * Callers who may hold prepared images: enough that one is always ready, however many wait. Each
   * image takes memory, and there may be thousands of callers on virtual threads. Fair, too.
   */
  private final Semaphore preparing =
      new Semaphore(2 * Runtime.getRuntime().availableProcessors(), true);

  /** Guarded by itself; callers borrow while they prepare an image. */
  private final Deque<PreparedImage> idle = new ArrayDeque<>();

  /** Whether nobody will need an idle one any more; guarded by these. */
  private boolean retired;

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
    this.device = model.device();
    this.batchTokens = device.batchTokens();
    this.preprocessing = preprocessing;
    this.lookup = Preprocessor.lookup(preprocessing);
    this.plans = new PlanCache(model, this::edits, lookup);
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
    preparing.acquireUninterruptibly();
    try {
      return prepareAndRun(image, request, target);
    } finally {
      preparing.release();
    }
  }

  private FeatureLayout prepareAndRun(Image image, FeatureRequest request, MemorySegment target) {
    PreparedImage prepared = prepared(image);
    running.lock();
    try {
      return runAlone(prepared, request, target);
    } catch (DeviceLostException e) {
      moveTo(placement.replace(e, config));
      return runAlone(prepared, request, target);
    } finally {
      running.unlock();
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
    Objects.requireNonNull(images, "images");
    check(request);
    if (images.isEmpty()) {
      checkOpen();
    }
    preparing.acquireUninterruptibly();
    try {
      return prepareAndRunAll(images, request);
    } finally {
      preparing.release();
    }
  }

  private List<Features> prepareAndRunAll(List<Image> images, FeatureRequest request) {
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

  /** One that fails is not given back: nobody knows how far it came. */
  private PreparedImage prepared(Image image) {
    Objects.requireNonNull(image, "image");
    PreparedImage prepared = borrow();
    prepared.prepare(image, config.patch());
    return prepared;
  }

  private boolean fits(PreparedImage image, List<PreparedImage> batch) {
    int tokens = config.tokens(image.height(), image.width());
    return image.sameShape(batch.getFirst())
        && batch.size() < Math.clamp(batchTokens / tokens, 1, BATCH_IMAGES);
  }

  /** Runs a batch, gives its images back and empties it. */
  private List<Features> runBatch(List<PreparedImage> batch, FeatureRequest request) {
    List<Features> results;
    running.lock();
    try {
      results = runTogether(batch, request);
    } catch (DeviceLostException e) {
      moveTo(placement.replace(e, config));
      results = runTogether(batch, request);
    } finally {
      running.unlock();
    }
    batch.forEach(this::giveBack);
    batch.clear();
    return results;
  }

  /**
   * In one plan or, where there is no room for it, in smaller ones, and so are later batches; the
   * bits are the same.
   */
  private List<Features> runTogether(List<PreparedImage> batch, FeatureRequest request) {
    List<Features> results = new ArrayList<>(batch.size());
    int most = batch.size();
    while (results.size() < batch.size()) {
      int end = Math.min(results.size() + most, batch.size());
      List<PreparedImage> images = batch.subList(results.size(), end);
      PreparedImage first = images.getFirst();
      ForwardPlan plan;
      try {
        plan = plan(first, images.size(), request);
      } catch (OutOfMemoryError e) {
        if (images.size() == 1) {
          throw e;
        }
        most = Math.ceilDiv(images.size(), 2);
        batchTokens = most * config.tokens(first.height(), first.width());
        continue;
      }
      run(plan, images, results);
    }
    return results;
  }

  private void run(ForwardPlan plan, List<PreparedImage> images, List<Features> results) {
    for (int i = 0; i < images.size(); i++) {
      images.get(i).copyTo(plan.pixels(), i * plan.shape().pixelBytes());
    }
    rehearsal.await();
    plan.run();
    for (int i = 0; i < images.size(); i++) {
      MemorySegment target = MemorySegment.ofArray(new float[plan.layout().floats()]);
      plan.copyFeatures(i, target, 0);
      results.add(new Features(plan.layout(), target));
    }
  }

  /**
   * A plan of this device. If it has no room for a single image though it holds nothing but the
   * weights, one of another device. Called with the lock held.
   */
  private ForwardPlan plan(PreparedImage image, int images, FeatureRequest request) {
    try {
      return plans().get(image, images, request);
    } catch (OutOfMemoryError e) {
      if (images > 1) {
        throw e;
      }
      moveTo(placement.replace(e, config));
      return plans().get(image, images, request);
    }
  }

  /** Leaves a device for the one that the model has been packed on. Called with the lock held. */
  private void moveTo(VisionTransformer replacement) {
    plans.close();
    device.close();
    plans = new PlanCache(replacement, this::edits, lookup);
    device = replacement.device();
    batchTokens = device.batchTokens();
  }

  private void checkOpen() {
    running.lock();
    try {
      plans();
    } finally {
      running.unlock();
    }
  }

  /** Called with the lock held. */
  private PlanCache plans() {
    if (plans == null) {
      throw new IllegalStateException("this model is closed: open it again, or close it later");
    }
    return plans;
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

  /** Has everything compiled that a request needs, see {@link WarmUp}. */
  void warmUp(FeatureRequest request) {
    new WarmUp(this, preprocessing).run(request);
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
      if (plans != null) {
        plans.close();
        plans = null;
        device.close();
      }
    } finally {
      running.unlock();
    }
    synchronized (idle) {
      retired = true;
      idle.clear();
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
      if (!retired && idle.size() < BATCH_IMAGES) {
        idle.push(prepared);
      }
    }
  }
}
