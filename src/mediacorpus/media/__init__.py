"""Bytes to arrays, and arrays to arrays: uint8 RGB `(H, W, 3)`, upright, everywhere."""

from mediacorpus.media.animation import AnimationReader, index_animation
from mediacorpus.media.arrays import (
    cosine_similarity,
    flatten,
    load_array,
    measure_channels,
    unflatten,
)
from mediacorpus.media.audio import audio_blocks, load_audio
from mediacorpus.media.augment import (
    Augmentation,
    color_jitter,
    horizontal_flip,
    random_resized_crop,
    rotate,
)
from mediacorpus.media.color_spaces import (
    from_cmyk,
    from_hsv,
    from_lab,
    from_unit,
    to_cmyk,
    to_gray,
    to_hsv,
    to_lab,
    to_rgba,
)
from mediacorpus.media.decode import MAX_BYTES, MAX_PIXELS, decode, load, probe, read
from mediacorpus.media.document import Document
from mediacorpus.media.metadata import read_camera, read_location
from mediacorpus.media.normalize import (
    IMAGENET_MEAN,
    IMAGENET_SD,
    ChannelStatistics,
    standardize,
    to_float,
)
from mediacorpus.media.opening import inspect
from mediacorpus.media.raster import load_values
from mediacorpus.media.representations import channels, represent
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
from mediacorpus.media.sheet import augmented, parse_resize, resized, sheet, write_sheet
from mediacorpus.media.shots import find_shots
from mediacorpus.media.thumbnail import contact_sheet, data_uri, thumbnail_jpeg
from mediacorpus.media.turning import flip, one_channel, turn
from mediacorpus.media.vector import external_references
from mediacorpus.media.video import FrameIndex, VideoReader, choose_frames, index_frames

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_SD",
    "MAX_BYTES",
    "MAX_PIXELS",
    "AnimationReader",
    "Augmentation",
    "ChannelStatistics",
    "Document",
    "FrameIndex",
    "VideoReader",
    "audio_blocks",
    "augmented",
    "center_crop",
    "channels",
    "choose_frames",
    "color_jitter",
    "contact_sheet",
    "cosine_similarity",
    "crop_box",
    "data_uri",
    "decode",
    "external_references",
    "find_shots",
    "flatten",
    "flip",
    "from_cmyk",
    "from_hsv",
    "from_lab",
    "from_unit",
    "horizontal_flip",
    "index_animation",
    "index_frames",
    "inspect",
    "load",
    "load_array",
    "load_audio",
    "load_values",
    "measure_channels",
    "one_channel",
    "pad",
    "parse_resize",
    "probe",
    "random_resized_crop",
    "read",
    "read_camera",
    "read_location",
    "represent",
    "rescale_crop",
    "resize",
    "resized",
    "rotate",
    "scale_percent",
    "sheet",
    "short_side",
    "squish",
    "standardize",
    "thumbnail_jpeg",
    "to_cmyk",
    "to_float",
    "to_gray",
    "to_hsv",
    "to_lab",
    "to_rgba",
    "turn",
    "unflatten",
    "write_sheet",
]
