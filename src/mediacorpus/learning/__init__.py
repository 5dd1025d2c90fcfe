"""Labels to classifiers."""
