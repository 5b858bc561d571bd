package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.EventTimer;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * A GPU whose kernels are measured: one that says how long plans take on the device, and that can
 * be told which tiles to use. Everything else is done through its {@link Device}.
 */
public final class Workbench implements AutoCloseable {

  /**
   * First line of a table of tiles, which the others follow: the fastest tile of a product of so
   * many rows on a GPU of so many processors.
   */
  public static final String TILE_TABLE_HEADING = TileTable.HEADING;

  private final CudaDevice device;

  /** Name of the tile to use, or null for the device's own choice. Guarded by this. */
  private String forcedTile;

  /** What the last product could have been computed in. Guarded by this. */
  private List<Tile> offered = List.of();

  private Tile chosen;

  /**
   * Opens a GPU.
   *
   * @param opening opens the driver; called on the thread that will use it
   * @param storage says the precision, as for any GPU
   * @param kernels who multiplies: "auto", "ptx", ...
   */
  public Workbench(Supplier<CudaDriver> opening, WeightStorage storage, String kernels) {
    device =
        new CudaDevice(
            opening,
            Precision.of(storage),
            Multiplier.named(kernels),
            facts -> {
              TileChoice best = TileChoice.best(facts);
              return (menu, product) -> choose(best, menu, product);
            });
  }

  private synchronized Tile choose(TileChoice best, List<Tile> menu, Product product) {
    offered = List.copyOf(menu);
    chosen =
        menu.stream()
            .filter(tile -> tile.name().equals(forcedTile))
            .findFirst()
            .orElseGet(() -> best.choose(menu, product));
    return chosen;
  }

  /** The device. */
  public Device device() {
    return device;
  }

  /** What the GPU is and can. */
  public GpuFacts facts() {
    return device.facts();
  }

  /** What the 16 bits that are multiplied keep of a number. */
  public float rounded(float number) {
    return device.precision().widen(device.precision().round(number));
  }

  /**
   * From now on plans are built with this tile, in products that have it.
   *
   * @param name one of {@link #tiles}, or null for the device's own choice
   */
  public synchronized void useTile(String name) {
    forcedTile = name;
    offered = List.of();
    chosen = null;
  }

  /** Names of the tiles that the last product of the last plan to be built could have got. */
  public synchronized List<String> tiles() {
    return offered.stream().map(Tile::name).toList();
  }

  /** Name of the tile that it got; null if there was none since {@link #useTile}. */
  public synchronized String tile() {
    return chosen == null ? null : chosen.name();
  }

  /**
   * What was recorded so far makes ready what comes next: {@link #kernelMilliseconds} leaves it
   * out.
   *
   * @param recorder of this device
   */
  public void preparationEnds(Recorder recorder) {
    ((CudaRecorder) recorder).preparationEnds();
  }

  /**
   * How long the kernels of plans take, without copies between host and device. Every plan has to
   * have run once, so that its pixels are on the device.
   *
   * @param plans of this device; a round launches all of them, and has an event in front and behind
   * @param rounds behind one that is not timed
   * @return milliseconds of every round
   */
  public float[] kernelMilliseconds(List<Plan> plans, int rounds) {
    return device.call(
        () -> {
          List<Long> graphs = new ArrayList<>();
          try {
            plans.forEach(plan -> graphs.add(((CudaPlan) plan).recordKernels()));
            return launched(graphs, rounds);
          } finally {
            graphs.forEach(device.driver()::freeGraph);
          }
        });
  }

  /** The same with the copies of pixels and results. */
  public float[] milliseconds(List<Plan> plans, int rounds) {
    return device.call(
        () -> launched(plans.stream().map(plan -> ((CudaPlan) plan).graph()).toList(), rounds));
  }

  private float[] launched(List<Long> graphs, int rounds) {
    CudaDriver driver = device.driver();
    graphs.forEach(driver::launchGraph);
    return new EventTimer(driver)
        .milliseconds(rounds, round -> graphs.forEach(driver::launchGraph));
  }

  @Override
  public void close() {
    device.close();
  }
}
