package dev.fovea.plots;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.AffineTransform;
import java.util.List;

/** Small pictures in rows and columns, with titles above and beside them. */
public final class ContactSheet {

  private static final int CELL = 128;
  private static final int GAP = 6;
  private static final int TOP = 24;
  private static final int LEFT = 84;
  private static final Font FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 13);

  private ContactSheet() {}

  /**
   * A row of pictures.
   *
   * @param title beside it
   * @param pictures of any size; each is scaled to its cell
   */
  public record Row(String title, List<Picture> pictures) {}

  /**
   * The sheet.
   *
   * @param columns titles above the columns
   * @param rows each with as many pictures as there are columns, or fewer
   */
  public static Picture of(List<String> columns, List<Row> rows) {
    int width = LEFT + columns.size() * (CELL + GAP);
    int height = TOP + rows.size() * (CELL + GAP);
    return new Picture(width, height, graphics -> draw(graphics, columns, rows));
  }

  private static void draw(Graphics2D graphics, List<String> columns, List<Row> rows) {
    graphics.setFont(FONT);
    graphics.setColor(Color.BLACK);
    for (int i = 0; i < columns.size(); i++) {
      graphics.drawString(columns.get(i), LEFT + i * (CELL + GAP), TOP - 8);
    }
    for (int i = 0; i < rows.size(); i++) {
      int y = TOP + i * (CELL + GAP);
      graphics.setFont(FONT);
      graphics.setColor(Color.BLACK);
      graphics.drawString(rows.get(i).title(), GAP, y + CELL / 2);
      List<Picture> pictures = rows.get(i).pictures();
      for (int j = 0; j < pictures.size(); j++) {
        drawCell(graphics, pictures.get(j), LEFT + j * (CELL + GAP), y);
      }
    }
  }

  private static void drawCell(Graphics2D graphics, Picture picture, int x, int y) {
    double scale = (double) CELL / Math.max(picture.width(), picture.height());
    AffineTransform before = graphics.getTransform();
    graphics.translate(x, y);
    graphics.scale(scale, scale);
    picture.draw(graphics);
    graphics.setTransform(before);
  }
}
