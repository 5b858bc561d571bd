package dev.fovea.cli;

/**
 * One thing that the doctor has found.
 *
 * @param topic what it is about, in a word
 * @param text what is the case
 * @param advice what to change; null where all is well
 */
record Finding(String topic, String text, String advice) {}
