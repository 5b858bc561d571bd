package dev.fovea.images;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import javax.imageio.IIOException;

/**
 * Where a GIF's first frame lies on its screen.
 *
 * @param screenWidth width of the whole picture, in pixels
 * @param screenHeight height of the whole picture
 * @param x column of the screen where the frame begins
 * @param y row of the screen where the frame begins
 * @param frameWidth width of the frame
 * @param frameHeight height of the frame
 * @param background palette index that the frame leaves around it
 */
record GifHeader(
    int screenWidth,
    int screenHeight,
    int x,
    int y,
    int frameWidth,
    int frameHeight,
    int background) {

  private static final int EXTENSION = 0x21;
  private static final int IMAGE = 0x2C;
  private static final int GRAPHIC_CONTROL = 0xF9;

  /** Reads the blocks up to the first frame. */
  static GifHeader read(byte[] bytes) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(6);
    try {
      int screenWidth = in.getChar();
      int screenHeight = in.getChar();
      int flags = in.get();
      int colors = (flags & 0x80) == 0 ? 0 : 2 << (flags & 7);
      skip(in, 2 + 3 * colors);
      int background = 0;
      while (true) {
        int block = in.get();
        if (block == IMAGE) {
          int x = in.getChar();
          int y = in.getChar();
          int width = in.getChar();
          int height = in.getChar();
          return new GifHeader(screenWidth, screenHeight, x, y, width, height, background);
        }
        if (block != EXTENSION) {
          throw new IIOException("no picture where one is expected");
        }
        if ((in.get() & 0xFF) == GRAPHIC_CONTROL && (in.get(in.position() + 1) & 1) != 0) {
          background = in.get(in.position() + 4) & 0xFF; // the transparent colour
        }
        for (int size = in.get() & 0xFF; size > 0; size = in.get() & 0xFF) {
          skip(in, size);
        }
      }
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      throw new IIOException("the file ends before its first picture", e);
    }
  }

  private static void skip(ByteBuffer in, int count) {
    if (count > in.remaining()) {
      throw new BufferUnderflowException();
    }
    in.position(in.position() + count);
  }

  /** Width of the screen, or more if the frame goes beyond it. */
  int width() {
    return Math.max(screenWidth, x + frameWidth);
  }

  /** Height of the screen, or more if the frame goes beyond it. */
  int height() {
    return Math.max(screenHeight, y + frameHeight);
  }
}
