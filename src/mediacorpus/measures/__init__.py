"""Measures: items to rows, one file per measure.

Importing this package registers the measures on board; it loads no network.
"""

from mediacorpus.measures import (
    colour,
    composition,
    embedding,
    facts,
    haralick,
    histogram,
    hog,
    keypoints,
    lbp,
    moments,
    pixels,
    quality,
    spatial_embedding,
    tags,
)

__all__ = [
    "colour",
    "composition",
    "embedding",
    "facts",
    "haralick",
    "histogram",
    "hog",
    "keypoints",
    "lbp",
    "moments",
    "pixels",
    "quality",
    "spatial_embedding",
    "tags",
]
