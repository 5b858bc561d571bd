package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;

/**
 * The left matrix of a product: some rows of every image, in the {@link RowTiles} that have one of
 * them. Either they are an activation matrix as it is, or packed into shared scratch memory, tile
 * for tile.
 */
final class LeftRows {

  private final Rows rows;
  private final int firstTile;
  private final int tilesPerImage;
  private final int tiles;

  /** The matrix whose rows these are, or null if they are packed. */
  private final CpuTokens tokens;

  private final Scratch scratch;
  private final int size;

  private LeftRows(int images, Rows rows, int width, CpuTokens tokens, Scratch scratch) {
    this.rows = rows;
    this.tokens = tokens;
    this.scratch = scratch;
    size = RowTiles.size(width);
    firstTile = rows.first() / TILE;
    tilesPerImage = rows.count() == 0 ? 0 : Lanes.steps(rows.end(), TILE) - firstTile;
    tiles = Math.multiplyExact(images, tilesPerImage);
  }

  /** The rows of a matrix, read where they are. */
  static LeftRows of(CpuTokens tokens, Rows rows) {
    return new LeftRows(tokens.images(), rows, tokens.width(), tokens, null);
  }

  /** Rows of this width that an earlier task packs into the shared memory. */
  static LeftRows packed(int images, Rows rows, int width, Scratch scratch) {
    LeftRows packed = new LeftRows(images, rows, width, null, scratch);
    scratch.reserveShared(RowTiles.size(Math.max(1, packed.tiles) * TILE, width));
    return packed;
  }

  /** Tiles of all images. */
  int tiles() {
    return tiles;
  }

  int tilesPerImage() {
    return tilesPerImage;
  }

  int image(int tile) {
    return tile / tilesPerImage;
  }

  /** The image's row that is the tile's first, wanted or not. */
  int tileRow(int tile) {
    return (firstTile + tile % tilesPerImage) * TILE;
  }

  /** The first row of a tile that is wanted. */
  int first(int tile) {
    return Math.max(rows.first(), tileRow(tile));
  }

  /** After the last row of a tile that is wanted. */
  int end(int tile) {
    return Math.min(rows.end(), tileRow(tile) + TILE);
  }

  /** Where the tiles are; packed ones are there while the next task runs. */
  float[] data() {
    return tokens == null ? scratch.shared() : tokens.data();
  }

  /** Where a tile starts. */
  int offset(int tile) {
    return tokens == null ? tile * size : tokens.offset(image(tile), tileRow(tile));
  }
}
