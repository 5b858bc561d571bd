package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.ParameterStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchScriptArchiveTest {

  private static final String CODE =
      """
      class Vit(Module):
        __parameters__ = []
        __buffers__ = []
        training : bool
        matrix : Tensor
        vector : Tensor
        def forward(self: __torch__.Vit,
          x: Tensor) -> Tensor:
          return torch.linear(x, self.matrix, self.vector)
        def __getstate__(self: __torch__.Vit) -> List[Tensor]:
          return annotate(List[Tensor], [])
        def __setstate__(self: __torch__.Vit,
          state: List[Tensor]) -> NoneType:
          self.training = False
          self.vector = state[0]
          self.matrix = state[1]
          return None
      """;

  @TempDir private Path folder;

  @Test
  void libTorchReadsWhatWasWritten() throws IOException, MalformedModelException {
    Path file = folder.resolve("linear.pt");
    try (TorchScriptArchive archive = new TorchScriptArchive(file)) {
      assertThat(archive.tensor(new float[] {10, 20, 30}, 3)).isZero();
      assertThat(archive.tensor(new float[] {1, 2, 3, 4, 5, 6}, 3, 2)).isEqualTo(1);
      archive.write(CODE);
    }
    try (ZipFile zip = new ZipFile(file.toFile())) {
      assertThat(zip.stream()).allMatch(entry -> entry.getMethod() == ZipEntry.STORED);
    }
    try (Model model = Model.newInstance("linear", Device.cpu(), "PyTorch")) {
      model.load(file);
      NDArray input = model.getNDManager().create(new float[] {1, -1});
      ParameterStore parameters = new ParameterStore(model.getNDManager(), false);
      NDList output = model.getBlock().forward(parameters, new NDList(input), false);
      assertThat(output.singletonOrThrow().toFloatArray()).containsExactly(9, 19, 29);
    }
  }
}
