package dev.fovea.kernels.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.reflect.AccessFlag;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Laws of vector code that the compiler does not enforce, read from the class files. */
class VectorLawsTest {

  private static final String VECTOR_API = "jdk/incubator/vector/";
  private static final String VECTOR_PACKAGE = "dev/fovea/kernels/cpu/vector/";

  /** C2 never compiles a method with more bytecodes (HotSpot's HugeMethodLimit). */
  private static final int LARGEST_METHOD = 8000;

  private static final List<ClassModel> CLASSES = readClasses();

  /** A vector that crosses a call is boxed unless the call is inlined; then all of them are. */
  @Test
  void noMethodTakesOrReturnsAVectorOrASpecies() {
    assertThat(methods().map(m -> name(m) + m.methodType().stringValue()))
        .hasSizeGreaterThan(100)
        .noneMatch(method -> method.contains(VECTOR_API));
  }

  /** A species must be a constant for C2; a vector in a field is an object on the heap. */
  @Test
  void vectorTypesAreOnlyInConstants() {
    assertThat(
            CLASSES.stream()
                .flatMap(c -> c.fields().stream())
                .filter(f -> f.fieldType().stringValue().contains(VECTOR_API))
                .map(VectorLawsTest::describe))
        .containsExactlyInAnyOrder(
            "Lanes.SPECIES static final",
            "Lanes.SWAP_1 static final",
            "Lanes.SWAP_2 static final",
            "Lanes.SWAP_4 static final",
            "Lanes.SWAP_8 static final",
            "Widening.INTS static final",
            "Widening.HALVES static final");
  }

  @Test
  void onlyThisPackageRefersToTheVectorApi() {
    List<String> users =
        CLASSES.stream()
            .filter(VectorLawsTest::refersToVectorApi)
            .map(c -> c.thisClass().asInternalName())
            .toList();
    assertThat(users)
        .contains(VECTOR_PACKAGE + "MicroKernel", VECTOR_PACKAGE + "Epilogue")
        .allMatch(name -> name.startsWith(VECTOR_PACKAGE));
  }

  @Test
  void everyMethodIsSmallEnoughToBeCompiled() {
    assertThat(methods().filter(m -> codeLength(m) > LARGEST_METHOD).map(VectorLawsTest::name))
        .isEmpty();
    assertThat(methods().filter(m -> codeLength(m) > 300).map(VectorLawsTest::name))
        .as("the hot methods are among those that were measured")
        .contains("TwelveRows.multiply", "SixRows.multiply");
  }

  /** Sums across lanes come out differently in the interpreter and in compiled code. */
  @Test
  void nothingIsReducedAcrossLanes() {
    List<String> called = methods().flatMap(VectorLawsTest::vectorCalls).distinct().toList();
    assertThat(called).contains("fma", "intoArray").doesNotContain("reduceLanes");
  }

  private static Stream<String> vectorCalls(MethodModel method) {
    return method.code().stream()
        .flatMap(code -> code.elementStream())
        .filter(InvokeInstruction.class::isInstance)
        .map(InvokeInstruction.class::cast)
        .filter(call -> call.owner().asInternalName().startsWith(VECTOR_API))
        .map(call -> call.name().stringValue());
  }

  private static boolean refersToVectorApi(ClassModel type) {
    for (PoolEntry entry : type.constantPool()) {
      boolean refers =
          switch (entry) {
            case ClassEntry c -> c.asInternalName().startsWith(VECTOR_API);
            case Utf8Entry text -> text.stringValue().contains("L" + VECTOR_API);
            default -> false;
          };
      if (refers) {
        return true;
      }
    }
    return false;
  }

  private static int codeLength(MethodModel method) {
    return method.code().map(code -> ((CodeAttribute) code).codeLength()).orElse(0);
  }

  private static Stream<MethodModel> methods() {
    return CLASSES.stream().flatMap(c -> c.methods().stream());
  }

  private static String name(MethodModel method) {
    String owner = method.parent().orElseThrow().thisClass().asInternalName();
    return simpleName(owner) + "." + method.methodName().stringValue();
  }

  private static String describe(FieldModel field) {
    String owner = field.parent().orElseThrow().thisClass().asInternalName();
    return simpleName(owner)
        + "."
        + field.fieldName().stringValue()
        + (field.flags().has(AccessFlag.STATIC) ? " static" : "")
        + (field.flags().has(AccessFlag.FINAL) ? " final" : "");
  }

  private static String simpleName(String internalName) {
    return internalName.substring(internalName.lastIndexOf('/') + 1);
  }

  private static List<ClassModel> readClasses() {
    URI location =
        URI.create(
            VectorKernels.class.getProtectionDomain().getCodeSource().getLocation().toString());
    try (Stream<Path> files = Files.walk(Path.of(location))) {
      return files
          .filter(f -> f.toString().endsWith(".class"))
          .filter(f -> !f.endsWith("module-info.class"))
          .map(VectorLawsTest::parse)
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ClassModel parse(Path file) {
    try {
      return ClassFile.of().parse(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
