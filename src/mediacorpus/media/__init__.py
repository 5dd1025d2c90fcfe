"""Bytes to arrays, and arrays to arrays: uint8 RGB `(H, W, 3)`, upright, everywhere."""

from mediacorpus.media.augment import (
    Augmentation,
    color_jitter,
    horizontal_flip,
    random_resized_crop,
    rotate,
)
from mediacorpus.media.decode import MAX_BYTES, MAX_PIXELS, decode, load, probe, read
from mediacorpus.media.normalize import (
    IMAGENET_MEAN,
    IMAGENET_SD,
    ChannelStatistics,
    standardize,
    to_float,
)
from mediacorpus.media.resize import (
    center_crop,
    crop_box,
    pad,
    rescale_crop,
    resize,
    scale_percent,
    short_side,
    squish,
)
from mediacorpus.media.thumbnail import contact_sheet, data_uri, thumbnail_jpeg

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_SD",
    "MAX_BYTES",
    "MAX_PIXELS",
    "Augmentation",
    "ChannelStatistics",
    "center_crop",
    "color_jitter",
    "contact_sheet",
    "crop_box",
    "data_uri",
    "decode",
    "horizontal_flip",
    "load",
    "pad",
    "probe",
    "random_resized_crop",
    "read",
    "rescale_crop",
    "resize",
    "rotate",
    "scale_percent",
    "short_side",
    "squish",
    "standardize",
    "thumbnail_jpeg",
    "to_float",
]
