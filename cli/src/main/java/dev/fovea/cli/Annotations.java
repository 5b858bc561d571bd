package dev.fovea.cli;

import dev.fovea.FoveaException;
import dev.fovea.analysis.Box;
import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;
import org.xml.sax.helpers.DefaultHandler;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/** Where people have seen objects: boxes in pixels of the image file. */
interface Annotations {

  /**
   * The boxes of an image, at least one.
   *
   * @throws FoveaException if there are none, or they cannot be read
   */
  List<Box> of(Path image);

  /** A COCO file, or a directory with a VOC file for each image. */
  static Annotations open(Path path) {
    return Files.isDirectory(path) ? image -> Voc.read(path, image) : new Coco(path);
  }

  /** Files of PASCAL VOC: NAME.xml for an image NAME.jpg, all objects, hard ones included. */
  final class Voc {

    private Voc() {}

    private static List<Box> read(Path directory, Path image) {
      String name = image.getFileName().toString().replaceFirst("\\.[^.]+$", "");
      Path file = directory.resolve(name + ".xml");
      List<Box> boxes = new ArrayList<>();
      NodeList objects = parse(file).getElementsByTagName("object");
      for (int i = 0; i < objects.getLength(); i++) {
        boxes.add(box((Element) objects.item(i), file));
      }
      if (boxes.isEmpty()) {
        throw new FoveaException(file + " names no object");
      }
      return boxes;
    }

    private static Element parse(Path file) {
      try (InputStream in = Files.newInputStream(file)) {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        DocumentBuilder builder = factory.newDocumentBuilder();
        builder.setErrorHandler(new DefaultHandler()); // says nothing, but throws
        return builder.parse(in).getDocumentElement();
      } catch (SAXException e) {
        throw new FoveaException(file + " is not the XML of an annotation: " + e.getMessage(), e);
      } catch (IOException e) {
        throw new FoveaException("cannot read " + file + ": " + OutputPath.reason(e), e);
      } catch (ParserConfigurationException e) {
        throw new IllegalStateException(e);
      }
    }

    /** Pixels are counted from 1 and the last ones are inside. */
    private static Box box(Element object, Path file) {
      try {
        return new Box(
            number(object, "xmin") - 1,
            number(object, "ymin") - 1,
            number(object, "xmax"),
            number(object, "ymax"));
      } catch (IllegalArgumentException e) {
        throw new FoveaException(file + ": " + e.getMessage(), e);
      }
    }

    /** The object's own number, not that of one of its parts, whose boxes come after it. */
    private static double number(Element object, String name) {
      NodeList boxes = object.getElementsByTagName("bndbox");
      for (int i = 0; i < boxes.getLength(); i++) {
        if (boxes.item(i).getParentNode().isSameNode(object)) {
          NodeList numbers = ((Element) boxes.item(i)).getElementsByTagName(name);
          if (numbers.getLength() == 1) {
            return Double.parseDouble(numbers.item(0).getTextContent().strip());
          }
        }
      }
      throw new IllegalArgumentException("an object without bndbox/" + name);
    }
  }

  /** A file of COCO: all boxes of an image, except those of crowds. */
  final class Coco implements Annotations {

    private static final JsonMapper MAPPER =
        JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /** What is read of the file. */
    record Contents(List<Picture> images, List<Annotation> annotations) {}

    /** An image. */
    record Picture(long id, String fileName) {}

    /** An object in an image; its box is left, top, width, height. */
    record Annotation(long imageId, double[] bbox, int iscrowd) {}

    private final Path file;
    private final Map<String, Long> ids = new HashMap<>();
    private final Map<Long, List<Box>> boxes = new HashMap<>();

    Coco(Path file) {
      this.file = file;
      try (InputStream in = Files.newInputStream(file)) {
        Contents contents = MAPPER.readValue(in, Contents.class);
        if (contents == null || contents.images() == null || contents.annotations() == null) {
          throw new FoveaException(file + ": expected the members images and annotations");
        }
        contents.images().forEach(this::add);
        contents.annotations().forEach(this::add);
      } catch (IOException e) {
        throw new FoveaException("cannot read " + file + ": " + OutputPath.reason(e), e);
      } catch (JacksonException e) {
        throw new FoveaException(
            file + " is not the JSON of COCO's annotations: " + e.getOriginalMessage(), e);
      }
    }

    /** By the name alone: some files have folders before it. */
    private void add(Picture image) {
      if (image == null || image.fileName() == null) {
        throw new FoveaException(file + ": expected a file_name for every image");
      }
      ids.put(image.fileName().substring(image.fileName().lastIndexOf('/') + 1), image.id());
    }

    private void add(Annotation annotation) {
      if (annotation == null || annotation.bbox() == null || annotation.bbox().length != 4) {
        throw new FoveaException(file + ": expected boxes of four numbers");
      }
      double[] box = annotation.bbox();
      boolean inside = box[2] > 0 && box[3] > 0; // COCO has some without
      if (inside && annotation.iscrowd() == 0) {
        boxes
            .computeIfAbsent(annotation.imageId(), id -> new ArrayList<>())
            .add(new Box(box[0], box[1], box[0] + box[2], box[1] + box[3]));
      }
    }

    @Override
    public List<Box> of(Path image) {
      Long id = ids.get(image.getFileName().toString());
      List<Box> found = id == null ? null : boxes.get(id);
      if (found == null) {
        throw new FoveaException(file + " names no object of " + image.getFileName());
      }
      return found;
    }
  }
}
