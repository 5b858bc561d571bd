package dev.fovea.probes;

/**
 * One class that a head sees in an image.
 *
 * @param index of the class
 * @param label its name; the index where names are not known
 * @param logit the head's output
 * @param probability softmax of the outputs of all classes
 */
public record Prediction(int index, String label, double logit, double probability) {}
