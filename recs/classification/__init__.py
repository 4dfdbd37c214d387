"""What stands behind `recs.classify`: labels, logistic regression, calibration, the classifier."""
