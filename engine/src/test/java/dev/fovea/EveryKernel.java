package dev.fovea;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Tests that the build runs on the scalar kernels and on every vector width, as {@code
 * fovea.kernels} and {@code fovea.kernels.bits} say. Where a run would silently get other kernels
 * it fails; widths that the machine does not have are left out.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("every-kernel")
@ExtendWith(EveryKernel.Condition.class)
@interface EveryKernel {

  /** Opens a model with the kernels that the build asks for. */
  final class Condition implements ExecutionCondition {

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      String kernels = System.getProperty("fovea.kernels", "");
      String bits = System.getProperty("fovea.kernels.bits", "");
      try (Fovea model = Fovea.open("synthetic:tiny")) {
        if (!model.device().contains(kernels) || !model.device().contains(bits)) {
          throw new AssertionError(
              "asked for " + kernels + " kernels of " + bits + " bits, got " + model.device());
        }
        return ConditionEvaluationResult.enabled(model.device());
      } catch (IllegalStateException e) {
        if (e.getMessage().contains("ask for less")) {
          return ConditionEvaluationResult.disabled(e.getMessage());
        }
        throw e;
      }
    }
  }
}
