"""Contract suites and toy images for plug-in authors."""

from mediacorpus.testing.contract import check_measure
from mediacorpus.testing.toys import toy_images

__all__ = ["check_measure", "toy_images"]
