package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * A JSON object whose members are read with their types checked.
 *
 * @param what its name in messages
 * @param members as {@link Json#parse} returns them
 */
public record JsonObject(String what, Map<String, ?> members) {

  /**
   * The object in a parsed value.
   *
   * @throws CheckpointException if the value is of another kind
   */
  public static JsonObject of(Object value, String what) {
    if (!(value instanceof Map<?, ?> map)) {
      throw new CheckpointException(what + ": expected a JSON object, got " + Quoted.of(value));
    }
    @SuppressWarnings("unchecked") // the parser makes no other maps
    Map<String, ?> members = (Map<String, ?>) map;
    return new JsonObject(what, members);
  }

  /**
   * Parses a text that must be an object.
   *
   * @throws CheckpointException if it is not
   */
  public static JsonObject parse(String text, String what) {
    return of(Json.parse(text.getBytes(StandardCharsets.UTF_8), what), what);
  }

  /** Whether there is a member of that name that is not null. */
  public boolean has(String key) {
    return members.get(key) != null;
  }

  /**
   * A member that is an object.
   *
   * @throws CheckpointException if it is absent or of another kind
   */
  public JsonObject object(String key) {
    return of(required(key), what + ", " + Quoted.of(key));
  }

  /**
   * A member that is a string.
   *
   * @throws CheckpointException if it is absent or of another kind
   */
  public String text(String key) {
    if (required(key) instanceof String text) {
      return text;
    }
    throw wrong(key, "a string");
  }

  /**
   * A member that is a boolean.
   *
   * @throws CheckpointException if it is absent or of another kind
   */
  public boolean flag(String key) {
    if (required(key) instanceof Boolean flag) {
      return flag;
    }
    throw wrong(key, "true or false");
  }

  /** The same, or the given value where it is absent. */
  public boolean flag(String key, boolean otherwise) {
    return has(key) ? flag(key) : otherwise;
  }

  /**
   * A member that is a finite number.
   *
   * @throws CheckpointException if it is absent or of another kind
   */
  public double number(String key) {
    if (required(key) instanceof Number number) {
      return number.doubleValue();
    }
    throw wrong(key, "a number");
  }

  /**
   * A member that is an integer from 0 to {@link Integer#MAX_VALUE}.
   *
   * @throws CheckpointException if it is absent, of another kind or outside
   */
  public int count(String key) {
    if (required(key) instanceof Long number && number >= 0 && number <= Integer.MAX_VALUE) {
      return number.intValue();
    }
    throw wrong(key, "an integer from 0 to " + Integer.MAX_VALUE);
  }

  /**
   * A member that is a list.
   *
   * @throws CheckpointException if it is absent or of another kind
   */
  public List<?> list(String key) {
    if (required(key) instanceof List<?> list) {
      return list;
    }
    throw wrong(key, "a list");
  }

  /**
   * A member, whatever it is.
   *
   * @throws CheckpointException if it is absent or null
   */
  public Object required(String key) {
    Object value = members.get(key);
    if (value == null) {
      throw new CheckpointException(what + ": " + Quoted.of(key) + " is missing");
    }
    return value;
  }

  private CheckpointException wrong(String key, String expected) {
    return new CheckpointException(
        what
            + ": expected "
            + expected
            + " for "
            + Quoted.of(key)
            + ", got "
            + Quoted.of(members.get(key)));
  }
}
