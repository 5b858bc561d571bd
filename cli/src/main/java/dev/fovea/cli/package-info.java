/** The {@code fovea} command: one thin class for each subcommand. */
package dev.fovea.cli;
