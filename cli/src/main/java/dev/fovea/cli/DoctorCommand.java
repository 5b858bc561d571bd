package dev.fovea.cli;

import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "doctor",
    description = "Says what runs here and how fast it can be, why not faster, and what to change.",
    footer = {"", "Examples:", "  fovea doctor", "  fovea doctor --json"})
final class DoctorCommand implements Runnable {

  @Option(names = "--json", description = "Print a JSON array of findings.")
  private boolean json;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    PrintWriter out = spec.commandLine().getOut();
    List<Finding> findings = Diagnosis.findings();
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(findings));
      return;
    }
    for (Finding finding : findings) {
      String[] lines = finding.text().split("\\R");
      out.printf("%-8s %s%n", finding.topic(), lines[0]);
      for (int i = 1; i < lines.length; i++) {
        out.printf("%-8s %s%n", "", lines[i]);
      }
      if (finding.advice() != null) {
        out.printf("%-8s -> %s%n", "", finding.advice());
      }
    }
  }
}
