package dev.fovea.probes;

import dev.fovea.FoveaException;
import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Images to learn from and images to test on.
 *
 * @param classes names of the classes, sorted; empty where images are in no class
 * @param train images to learn from
 * @param validation images to test on
 */
public record ImageSet(List<String> classes, List<Sample> train, List<Sample> validation) {

  /**
   * An image.
   *
   * @param file where it is
   * @param label index of its class; 0 where there are no classes
   */
  public record Sample(Path file, int label) {}

  private static final String TRAIN = "train";
  private static final List<String> VALIDATION = List.of("val", "validation", "test");

  private static final Set<String> EXTENSIONS =
      Set.of("jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff");

  /** Keeps copies of the lists. */
  public ImageSet {
    classes = List.copyOf(classes);
    train = List.copyOf(train);
    validation = List.copyOf(validation);
  }

  /**
   * Finds the images of a data set. Its folders are the classes, and everything in them is theirs;
   * a folder without folders is a set without classes. If it has a folder {@code train} and one of
   * {@code val}, {@code validation} and {@code test}, these are the two parts; otherwise a part of
   * every class is drawn for validation, the same for the same seed.
   *
   * @param share of every class that is drawn for validation, between 0 and 1; at least one image
   *     of a class is, and at least one is not
   * @throws FoveaException if there are too few images, or a class is only in the validation part
   */
  public static ImageSet read(Path root, double share, long seed) {
    if (!(share > 0 && share < 1)) {
      throw new IllegalArgumentException(
          "the share for validation must be between 0 and 1, got " + share);
    }
    if (!Files.isDirectory(root)) {
      throw new FoveaException("expected a folder of images, got " + root);
    }
    List<Path> parts =
        VALIDATION.stream().map(root::resolve).filter(Files::isDirectory).limit(1).toList();
    Path train = root.resolve(TRAIN);
    return Files.isDirectory(train) && !parts.isEmpty()
        ? ofParts(train, parts.getFirst())
        : drawn(root, share, seed);
  }

  /**
   * Whether a file's name ends as those of images do, and does not begin with a dot, as of what
   * macOS puts beside images: "._cat.jpg" is none.
   */
  public static boolean isImage(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return !isHidden(file) && EXTENSIONS.contains(name.substring(name.lastIndexOf('.') + 1));
  }

  private static ImageSet ofParts(Path train, Path validation) {
    List<Path> folders = classFolders(train);
    List<String> classes = names(train, folders);
    List<Sample> trainSamples = new ArrayList<>();
    for (int label = 0; label < folders.size(); label++) {
      trainSamples.addAll(samples(images(folders.get(label)), label));
    }
    List<Sample> validationSamples = new ArrayList<>();
    for (Path folder : classFolders(validation)) {
      int label = classes.isEmpty() ? 0 : classes.indexOf(folder.getFileName().toString());
      if (label < 0) {
        throw new FoveaException(
            folder + ": there is no class of that name in " + train + ", which has " + classes);
      }
      validationSamples.addAll(samples(images(folder), label));
    }
    return new ImageSet(classes, trainSamples, validationSamples);
  }

  private static ImageSet drawn(Path root, double share, long seed) {
    List<Path> folders = classFolders(root);
    List<Sample> train = new ArrayList<>();
    List<Sample> validation = new ArrayList<>();
    for (int label = 0; label < folders.size(); label++) {
      List<Path> files = images(folders.get(label));
      if (files.size() < 2) {
        throw new FoveaException(
            folders.get(label)
                + ": expected two images at least, one to learn from and one to test on, found"
                + " one");
      }
      Collections.shuffle(files, new Random(seed));
      int count = Math.clamp(Math.round(share * files.size()), 1, files.size() - 1);
      validation.addAll(samples(files.subList(0, count), label));
      train.addAll(samples(files.subList(count, files.size()), label));
    }
    return new ImageSet(names(root, folders), train, validation);
  }

  /** The folders in a folder; itself if there is none, and images are in it directly. */
  private static List<Path> classFolders(Path part) {
    try (Stream<Path> children = Files.list(part)) {
      List<Path> folders =
          children.filter(Files::isDirectory).filter(folder -> !isHidden(folder)).sorted().toList();
      return folders.isEmpty() ? List.of(part) : folders;
    } catch (IOException e) {
      throw unreadable(part, e);
    }
  }

  /** No classes if the only folder is the part itself. */
  private static List<String> names(Path part, List<Path> folders) {
    return folders.equals(List.of(part))
        ? List.of()
        : folders.stream().map(folder -> folder.getFileName().toString()).toList();
  }

  private static List<Sample> samples(List<Path> files, int label) {
    return files.stream().map(file -> new Sample(file, label)).toList();
  }

  /** All images in a folder and the folders in it, sorted. */
  private static List<Path> images(Path folder) {
    try (Stream<Path> found = Files.walk(folder)) {
      List<Path> files =
          new ArrayList<>(
              found.filter(ImageSet::isImage).filter(Files::isRegularFile).sorted().toList());
      if (files.isEmpty()) {
        throw new FoveaException("no images in " + folder);
      }
      return files;
    } catch (IOException e) {
      throw unreadable(folder, e);
    }
  }

  private static boolean isHidden(Path file) {
    return file.getFileName().toString().startsWith(".");
  }

  private static FoveaException unreadable(Path folder, IOException e) {
    return new FoveaException("cannot read " + folder + ": " + OutputPath.reason(e), e);
  }
}
