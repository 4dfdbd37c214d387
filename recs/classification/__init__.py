"""The classifier behind `recs.classify`: labels, logistic regression, calibration, predictions, explanations."""
