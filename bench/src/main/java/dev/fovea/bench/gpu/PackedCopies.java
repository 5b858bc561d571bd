package dev.fovea.bench.gpu;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.Packed;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Copies of the same weights on a device; those of another device are forgotten. */
final class PackedCopies<W> {

  private final List<Packed<W>> copies = new ArrayList<>();
  private Device device;

  /**
   * One of the copies.
   *
   * @param number copies are asked for in order, from 0 on
   * @param packing makes one that is not there yet
   */
  Packed<W> get(Device device, int number, Supplier<Packed<W>> packing) {
    if (!device.equals(this.device)) {
      this.device = device;
      copies.clear();
    }
    if (number == copies.size()) {
      copies.add(packing.get());
    }
    return copies.get(number);
  }
}
