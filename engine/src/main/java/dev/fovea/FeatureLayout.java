package dev.fovea;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/**
 * Where the outputs of a request lie in memory: one after another in the order of {@link Feature},
 * float32, no gaps. It depends on the model, the request and the size of the image after
 * preprocessing.
 */
public final class FeatureLayout {

  private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

  private record Place(long offset, int[] shape) {
    long bytes() {
      return Float.BYTES * Arrays.stream(shape).asLongStream().reduce(1, Math::multiplyExact);
    }
  }

  private final Map<Feature, Place> places = new EnumMap<>(Feature.class);
  private final long bytes;
  private final PatchGrid grid;
  private final int prefix;

  FeatureLayout(VitConfig config, FeatureRequest request, int height, int width) {
    int channels = config.width();
    int heads = config.heads();
    int registers = config.registers();
    int tokens = config.tokens(height, width);
    long end = 0;
    for (Feature feature : request.features()) {
      int[] shape =
          switch (feature) {
            case EMBEDDING -> new int[] {request.embeddingLength(channels)};
            case CLS -> new int[] {channels};
            case REGISTERS -> new int[] {registers, channels};
            case PATCHES -> new int[] {tokens - config.prefix(), channels};
            case PATCH_EMBEDDINGS -> new int[] {tokens - config.prefix(), channels};
            case TOKENS, PRENORM_TOKENS, KEYS, QUERIES, VALUES -> new int[] {tokens, channels};
            case BLOCK_CLS -> new int[] {request.blocks().size(), channels};
            case BLOCKS -> new int[] {request.blocks().size(), tokens, channels};
            case HIDDEN -> new int[] {request.hiddenBlocks().size(), tokens, config.hidden()};
            case REGISTER_KEYS_VALUES -> new int[] {config.depth(), registers, 2 * channels};
            case CLS_ATTENTION -> new int[] {heads, tokens};
            case REGISTER_ATTENTION -> new int[] {heads, registers, tokens};
            case ATTENTION -> new int[] {heads, tokens, tokens};
            case PREFIX_ATTENTION ->
                new int[] {request.attentionBlocks().size(), heads, config.prefix(), tokens};
          };
      Place place = new Place(end, shape);
      places.put(feature, place);
      end += place.bytes();
    }
    bytes = end;
    prefix = config.prefix();
    grid = new PatchGrid(height / config.patch(), width / config.patch());
  }

  /** Rows of tokens in front of the patches: CLS and the registers that are in the sequence. */
  public int prefix() {
    return prefix;
  }

  /** How the image's patches lie. */
  public PatchGrid grid() {
    return grid;
  }

  /** Memory that all outputs of one image need, in bytes. */
  public long bytes() {
    return bytes;
  }

  /**
   * Floats that all outputs of one image need.
   *
   * @throws IllegalArgumentException if one array cannot hold them
   */
  int floats() {
    if (bytes / Float.BYTES > LARGEST_ARRAY) {
      throw new IllegalArgumentException(
          "the features of one image need "
              + bytes
              + " bytes, more than an array holds; ask for fewer at a time, or pass memory for"
              + " them: features(image, request, target)");
    }
    return (int) (bytes / Float.BYTES);
  }

  /** Size of one output in bytes. */
  public long bytes(Feature feature) {
    return place(feature).bytes();
  }

  /** Where one output begins, in bytes. */
  public long offset(Feature feature) {
    return place(feature).offset();
  }

  /** Shape of one output, outermost first. */
  public int[] shape(Feature feature) {
    return place(feature).shape().clone();
  }

  private Place place(Feature feature) {
    Place place = places.get(feature);
    if (place == null) {
      throw new IllegalArgumentException(
          feature + " was not asked for; the request has " + places.keySet());
    }
    return place;
  }
}
