package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Lexer.Kind;
import dev.fovea.kernels.cuda.interpreter.Lexer.Token;
import dev.fovea.kernels.cuda.interpreter.Syntax.Function;
import dev.fovea.kernels.cuda.interpreter.Syntax.Item;
import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import dev.fovea.kernels.cuda.interpreter.Syntax.Statement;
import dev.fovea.kernels.cuda.interpreter.Syntax.Variable;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads a module of PTX. Debug information is skipped. */
final class Parser {

  private static final Pattern BLANKS = Pattern.compile("\\s+");
  private static final Set<String> LINKAGE = Set.of(".visible", ".extern", ".weak", ".common");

  private final String text;
  private final List<Token> tokens;
  private int position;

  private Parser(String text) {
    this.text = text;
    this.tokens = Lexer.tokens(text);
  }

  static Syntax.Module parse(String text) {
    return new Parser(text).module();
  }

  private Syntax.Module module() {
    int version = 0;
    String target = "";
    List<Variable> variables = new ArrayList<>();
    Map<String, Function> functions = new LinkedHashMap<>();
    while (peek().kind() != Kind.END) {
      Token token = next();
      if (LINKAGE.contains(token.text())) {
        continue;
      }
      switch (token.text()) {
        case ".version" -> version = version(next());
        case ".target" -> target = targets(token);
        case ".address_size" -> expect("64");
        case ".file" -> skipLine(token);
        case ".section" -> skipSection();
        case ".entry" -> add(functions, function(token, true));
        case ".func" -> add(functions, function(token, false));
        default -> variables.addAll(variables(token));
      }
    }
    if (version == 0 || target.isEmpty()) {
      throw new PtxException(1, "a module starts with .version and .target, but these are missing");
    }
    return new Syntax.Module(version, target, variables, functions);
  }

  private static void add(Map<String, Function> functions, Function function) {
    if (function.body() != null || !functions.containsKey(function.name())) {
      functions.put(function.name(), function);
    }
  }

  private static int version(Token token) {
    String[] parts = token.text().split("\\.");
    if (parts.length != 2) {
      throw new PtxException(token.line(), "expected a version such as 7.0, got " + token);
    }
    return 10 * Integer.parseInt(parts[0]) + Integer.parseInt(parts[1]);
  }

  private String targets(Token directive) {
    String target = next().text();
    skipLine(directive);
    return target;
  }

  private void skipLine(Token first) {
    while (peek().line() == first.line() && peek().kind() != Kind.END) {
      position++;
    }
  }

  private void skipSection() {
    while (!next().is("{")) {}
    while (!next().is("}")) {}
  }

  private Function function(Token start, boolean entry) {
    List<Variable> results = accept(".noreturn") || !peek().is("(") ? List.of() : parameters();
    String name = name();
    List<Variable> parameters = peek().is("(") ? parameters() : List.of();
    int mostThreads = 0;
    int exactThreads = 0;
    ClusterShape cluster = ClusterShape.ONE;
    while (!peek().is("{") && !peek().is(";")) {
      Token directive = next();
      switch (directive.text()) {
        case ".maxntid" -> mostThreads = product();
        case ".reqntid" -> exactThreads = product();
        case ".reqnctapercluster" -> cluster = cluster();
        case ".explicitcluster" -> {}
        case ".minnctapersm", ".maxclusterrank", ".maxnreg", ".maxnctapersm" -> product();
        case ".pragma" -> next();
        case ".noreturn" -> {}
        default -> throw unexpected(directive, "a body or one of the known directives");
      }
    }
    List<Item> body = accept(";") ? null : body();
    return new Function(
        start.line(), name, entry, results, parameters, mostThreads, exactThreads, cluster, body);
  }

  private ClusterShape cluster() {
    int x = (int) number();
    int y = accept(",") ? (int) number() : 1;
    int z = accept(",") ? (int) number() : 1;
    return new ClusterShape(x, y, z);
  }

  private int product() {
    int product = (int) number();
    while (accept(",")) {
      product *= (int) number();
    }
    return product;
  }

  private List<Variable> parameters() {
    List<Variable> parameters = new ArrayList<>();
    expect("(");
    while (!accept(")")) {
      parameters.add(variable(next()));
      accept(",");
    }
    return parameters;
  }

  /** The variables that one declaration declares. */
  private List<Variable> variables(Token space) {
    List<Variable> variables = new ArrayList<>();
    variables.add(variable(space));
    expect(";");
    return variables;
  }

  private Variable variable(Token start) {
    Space space = start.text().startsWith(".") ? Space.named(start.text().substring(1)) : null;
    if (space == null) {
      throw unexpected(start, "a directive or a variable");
    }
    int alignment = 0;
    PtxType type = null;
    while (peek().text().startsWith(".")) {
      Token token = next();
      switch (token.text()) {
        case ".align" -> alignment = (int) number();
        case ".ptr", ".global", ".const", ".shared", ".local" -> {}
        default -> type = type(token);
      }
    }
    String name = name();
    if (type == null) {
      throw new PtxException(start.line(), "the variable " + name + " has no type");
    }
    long elements = 1;
    while (accept("[")) {
      elements *= peek().is("]") ? 0 : number();
      expect("]");
    }
    byte[] initial = accept("=") ? initialiser(type) : null;
    return new Variable(
        start.line(), space, Math.max(alignment, type.bytes()), type, name, elements, initial);
  }

  private byte[] initialiser(PtxType type) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int depth = 0;
    do {
      if (accept("{")) {
        depth++;
      } else if (accept("}")) {
        depth--;
      } else if (!accept(",")) {
        long value = number();
        for (int i = 0; i < type.bytes(); i++) {
          bytes.write((int) (value >>> (8 * i)));
        }
      }
    } while (depth > 0);
    return bytes.toByteArray();
  }

  private static PtxType type(Token token) {
    PtxType type = token.text().startsWith(".") ? PtxType.named(token.text().substring(1)) : null;
    if (type == null) {
      throw unexpected(token, "a type");
    }
    return type;
  }

  private List<Item> body() {
    List<Item> items = new ArrayList<>();
    expect("{");
    while (!accept("}")) {
      Token token = peek();
      switch (token.text()) {
        case "{" -> items.add(new Syntax.Nested(token.line(), body()));
        case ".reg" -> registers(items);
        case ".pragma" -> skipStatement();
        case ".loc", ".file" -> skipLine(token);
        default -> {
          if (token.text().startsWith(".")) {
            items.addAll(variables(next()));
          } else {
            items.add(labelOrStatement());
          }
        }
      }
    }
    return items;
  }

  private void skipStatement() {
    while (!next().is(";")) {}
  }

  private void registers(List<Item> items) {
    int line = next().line();
    PtxType type = type(next());
    do {
      String name = name();
      int count = -1;
      if (accept("<")) {
        count = (int) number();
        expect(">");
      }
      items.add(new Syntax.Registers(line, type, name, count));
    } while (accept(","));
    expect(";");
  }

  private Item labelOrStatement() {
    Token first = peek();
    if (first.kind() == Kind.NAME && tokens.get(position + 1).is(":")) {
      position += 2;
      return accept(".branchtargets")
          ? new Syntax.BranchTargets(first.line(), first.text(), names())
          : new Syntax.Label(first.line(), first.text());
    }
    return statement();
  }

  private List<String> names() {
    List<String> names = new ArrayList<>();
    do {
      names.add(name());
    } while (accept(","));
    expect(";");
    return names;
  }

  private Statement statement() {
    Token first = peek();
    String guard = null;
    boolean inverted = false;
    if (accept("@")) {
      inverted = accept("!");
      guard = name();
    }
    String opcode = name();
    List<Operand> operands = new ArrayList<>();
    while (!peek().is(";")) {
      operands.add(operand());
      if (!accept(",") && !peek().is(";")) {
        throw unexpected(peek(), "',' or ';'");
      }
    }
    int end = next().start();
    String source = BLANKS.matcher(text.substring(first.start(), end + 1)).replaceAll(" ");
    return new Statement(first.line(), source, guard, inverted, opcode, operands);
  }

  private Operand operand() {
    if (accept("[")) {
      return address();
    }
    if (peek().is("{") || peek().is("(")) {
      return group();
    }
    if (accept("!")) {
      return new Syntax.Not(name());
    }
    Operand simple = simple();
    return accept("|") ? new Syntax.Pair(simple, simple()) : simple;
  }

  private Operand simple() {
    return peek().kind() == Kind.NAME ? new Syntax.Name(name()) : new Syntax.Literal(number());
  }

  private Operand address() {
    Operand base = simple();
    long offset = 0;
    while (!accept("]")) {
      if (accept(",")) {
        return box(base);
      }
      if (peek().is("-")) {
        offset += number();
      } else {
        expect("+");
        offset += number();
      }
    }
    return new Syntax.Address(base, offset);
  }

  private Operand box(Operand map) {
    List<Operand> coordinates = group().members();
    expect("]");
    return new Syntax.Box(map, coordinates);
  }

  private Syntax.Group group() {
    String closing = next().is("{") ? "}" : ")";
    List<Operand> members = new ArrayList<>();
    while (!accept(closing)) {
      members.add(operand());
      accept(",");
    }
    return new Syntax.Group(members);
  }

  /**
   * An integer, or the bits of a float ({@code 0f} and 8, or {@code 0d} and 16 hexadecimal digits).
   */
  private long number() {
    if (accept("-")) {
      return -number();
    }
    Token token = next();
    String digits = token.text();
    if (token.kind() != Kind.NUMBER) {
      throw unexpected(token, "a number");
    }
    try {
      boolean prefixed = digits.length() > 2 && "xXfFdD".indexOf(digits.charAt(1)) >= 0;
      return prefixed
          ? Long.parseUnsignedLong(withoutSuffix(digits.substring(2)), 16)
          : Long.parseUnsignedLong(withoutSuffix(digits));
    } catch (NumberFormatException e) {
      throw unexpected(token, "a number");
    }
  }

  private static String withoutSuffix(String digits) {
    return digits.endsWith("U") ? digits.substring(0, digits.length() - 1) : digits;
  }

  private String name() {
    Token token = next();
    if (token.kind() != Kind.NAME) {
      throw unexpected(token, "a name");
    }
    return token.text();
  }

  private Token peek() {
    return tokens.get(position);
  }

  private Token next() {
    Token token = peek();
    if (token.kind() == Kind.END) {
      throw new PtxException(token.line(), "the module ends in the middle of something");
    }
    position++;
    return token;
  }

  private boolean accept(String expected) {
    if (peek().is(expected)) {
      position++;
      return true;
    }
    return false;
  }

  private void expect(String expected) {
    if (!accept(expected)) {
      throw unexpected(peek(), "'" + expected + "'");
    }
  }

  private static PtxException unexpected(Token token, String expected) {
    return new PtxException(token.line(), "expected " + expected + ", got " + token);
  }
}
