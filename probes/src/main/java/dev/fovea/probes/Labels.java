package dev.fovea.probes;

import dev.fovea.CheckpointException;
import dev.fovea.checkpoint.Json;
import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Names of classes, in the order of their numbers, as they are found beside models. */
public final class Labels {

  private static final int MAX_JSON_BYTES = 16 << 20;

  private Labels() {}

  /**
   * Reads names: a text file with one on each line, or, in a file "*.json", a list of them, an
   * object from "0", "1", ... to them, or Hugging Face's config.json with such an object under
   * "id2label". A name that is a list ("n01440764", "tench") is its last element.
   *
   * @throws CheckpointException if the file cannot be read, or holds no names
   */
  public static List<String> read(Path file) {
    return file.toString().endsWith(".json")
        ? of(Json.read(file, MAX_JSON_BYTES), file.toString())
        : lines(file);
  }

  private static List<String> lines(Path file) {
    try {
      List<String> names = Files.readAllLines(file).stream().map(String::strip).toList();
      if (names.isEmpty() || names.stream().anyMatch(String::isEmpty)) {
        throw new CheckpointException(file + ": expected the name of a class on every line");
      }
      return names;
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file + ": expected names of classes as text in UTF-8", e);
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + OutputPath.reason(e), e);
    }
  }

  private static List<String> of(Object json, String what) {
    return switch (json) {
      case List<?> list -> list.stream().map(name -> name(name, what)).toList();
      case Map<?, ?> map when map.get("id2label") != null -> of(map.get("id2label"), what);
      case Map<?, ?> map -> numbered(map, what);
      case null, default -> throw expected(what);
    };
  }

  private static List<String> numbered(Map<?, ?> map, String what) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < map.size(); i++) {
      Object name = map.get(String.valueOf(i));
      if (name == null) {
        throw new CheckpointException(
            what
                + ": expected the names of classes \"0\" to \""
                + (map.size() - 1)
                + "\", \""
                + i
                + "\" is missing");
      }
      names.add(name(name, what));
    }
    if (names.isEmpty()) {
      throw expected(what);
    }
    return names;
  }

  private static String name(Object name, String what) {
    return switch (name) {
      case String text -> text;
      case List<?> list when !list.isEmpty() -> name(list.getLast(), what);
      case null, default -> throw expected(what);
    };
  }

  private static CheckpointException expected(String what) {
    return new CheckpointException(
        what + ": expected a list of names of classes, or an object from their numbers to them");
  }
}
