"""The numbers of a raster, in the units of its file."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, BatchItem, Measure
from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.opening import Opener, content
from mediacorpus.media.raster import load_values
from mediacorpus.media.resize import box_edges
from mediacorpus.records import Info, Kind, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

BANDS = 8
QUANTILES = {
    "p01": 0.01,
    "p05": 0.05,
    "p25": 0.25,
    "median": 0.5,
    "p75": 0.75,
    "p95": 0.95,
    "p99": 0.99,
}
_WORDS = {
    "mean": "Mean of the values, in the file's units",
    "sd": "Standard deviation of the values",
    "min": "Least value",
    "max": "Greatest value",
    "median": "Median of the values",
}

INFO = Info(
    name="intensity",
    version="1",
    summary="Mean, spread and quantiles of a raster's values in the units of its file.",
    licence="Apache-2.0",
    outputs={
        "intensity_bands": "int64",
        "intensity_values": "int64",
        "intensity_missing": "int64",
        **{f"intensity_{name}": "float64" for name in ("mean", "sd", "min", *QUANTILES, "max")},
        **{f"intensity_band{number}": "float64" for number in range(1, BANDS + 1)},
    },
    pixels=False,
    min_side=None,
    labels={
        "intensity_bands": "Bands of the raster, without transparency",
        "intensity_values": "Values that were counted",
        "intensity_missing": "Values left out: NaN, infinite, no-data or transparent",
        **{f"intensity_{name}": words for name, words in _WORDS.items()},
        **{
            f"intensity_{name}": f"{share:.0%} of the values lie at or below it"
            for name, share in QUANTILES.items()
            if name != "median"
        },
        **{
            f"intensity_band{number}": f"Mean of the values of band {number}"
            for number in range(1, BANDS + 1)
        },
    },
)


@MEASURES.register(INFO)
def intensity(*, band: int | None = None) -> Measure:
    """Make the measure of a raster's values in the units of its file.

    Other measures see images in 256 levels, to which rasters of measurements are stretched, each
    by its own range. This one reads the numbers as they are stored: night light, height,
    temperature, or the levels of a photograph (0 to 255, or to 65,535 where it has 16 bits).

    Parameters
    ----------
    band:
        Take this band only, counted from 1; by default the values of all bands together.

    Returns
    -------
    Measure
        For each image `intensity_bands`; `intensity_values`, how many values were counted, and
        `intensity_missing`, how many have none (see `mediacorpus.media.load_values`); the mean,
        the standard deviation (divided by the number of values), least and greatest value, and
        quantiles (linear between neighbors), None where no pixel has a value; and the mean of
        each of the first 8 bands as `intensity_band1` and so on. Frames of videos and pages of
        PDF files have the levels of what is drawn, 0 to 255. Scales and offsets that a file
        declares are not applied.

    Raises
    ------
    ParameterError
        `band` is less than 1.

    Examples
    --------
    >>> from mediacorpus.records import FileFacts
    >>> pixels = np.zeros((2, 2, 3), np.uint8)
    >>> pixels[0] = 100, 0, 200
    >>> [row] = intensity()(Batch([BatchItem("a", FileFacts("PNG", 2, 2, "RGB", 9), pixels)]))
    >>> row["intensity_mean"], row["intensity_max"], row["intensity_band3"]
    (50.0, 200.0, 100.0)
    """
    if band is not None and (type(band) is not int or band < 1):
        raise ParameterError(f"The band is {band!r}; bands are counted from 1.")
    function = functools.partial(statistics, band=band)

    def measured(batch: Batch) -> Sequence[Mapping[str, Any]]:
        return [_row(one, function, band) for one in batch.items]

    return measured


def _row(one: BatchItem, function: Any, band: int | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if one.read is not None:
        found = one.read(function)
    elif one.pixels is not None:
        found = summarized(np.ma.MaskedArray(one.pixels), band)
    return dict.fromkeys(INFO.outputs) | found


def statistics(place: Place, *, band: int | None = None) -> dict[str, Any]:
    """Summarize the values of the image at a place."""
    return summarized(_values(place), band)


def _values(place: Place) -> np.ma.MaskedArray[Any, Any]:
    """Read the values of a file, a page or a region as stored; those of drawn images as drawn."""
    last = place.locators[-1] if place.locators else None
    if last is None:
        return load_values(content(place))
    if last.kind is Kind.REGION:
        whole = _values(place.within(*place.locators[:-1]))
        return whole[box_edges(whole.shape, last.box or (0, 0, 1, 1), fractions=True)]
    if last.kind is Kind.PAGE and place.facts.format == "TIFF":
        return load_values(content(place), page=last.page or 1)
    with Opener() as opener:
        return np.ma.MaskedArray(opener.pixels(place))


def summarized(values: np.ma.MaskedArray[Any, Any], band: int | None = None) -> dict[str, Any]:
    """Give the numbers of an array `(H, W, bands)` of which some values are masked.

    >>> summarized(np.ma.MaskedArray([[[1.0], [3.0]]]))["intensity_sd"]
    1.0
    """
    bands = values.shape[2]
    if band is not None and band > bands:
        raise MediaError(f"The image has no band {band}; it has {bands}.")
    chosen = values if band is None else values[..., band - 1 : band]
    there: NDArray[Any] = chosen.compressed()
    row: dict[str, Any] = {
        "intensity_bands": bands,
        "intensity_values": int(there.size),
        "intensity_missing": int(chosen.size - there.size),
    }
    for number in range(min(bands, BANDS)):
        own = values[..., number]
        row[f"intensity_band{number + 1}"] = (
            float(own.mean(dtype=np.float64)) if own.count() else None
        )
    if not there.size:
        return row
    cuts = np.quantile(there.astype(np.float64), list(QUANTILES.values()))
    return row | {
        "intensity_mean": float(there.mean(dtype=np.float64)),
        "intensity_sd": float(there.std(dtype=np.float64)),
        "intensity_min": float(there.min()),
        "intensity_max": float(there.max()),
        **{f"intensity_{name}": float(cut) for name, cut in zip(QUANTILES, cuts, strict=True)},
    }
