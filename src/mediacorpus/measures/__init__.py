"""Measures: items to rows, one file per measure.

Importing this package registers the built-in measures; it loads no network.
"""

from mediacorpus.measures import (
    color,
    composition,
    embedding,
    exif,
    facts,
    haralick,
    histogram,
    hog,
    intensity,
    keypoints,
    lbp,
    moments,
    pixels,
    quality,
    spatial_embedding,
    tags,
)

__all__ = [
    "color",
    "composition",
    "embedding",
    "exif",
    "facts",
    "haralick",
    "histogram",
    "hog",
    "intensity",
    "keypoints",
    "lbp",
    "moments",
    "pixels",
    "quality",
    "spatial_embedding",
    "tags",
]
