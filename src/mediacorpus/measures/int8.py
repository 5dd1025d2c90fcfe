"""The 8-bit network of one corpus: calibrated on its images, and how far it can be relied on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediacorpus.engine.contract import Pixels
from mediacorpus.engine.decoding import open_all
from mediacorpus.engine.progress import progress
from mediacorpus.errors import ParameterError, writing
from mediacorpus.files import atomic_write
from mediacorpus.measures.efficientnet import onnx_file
from mediacorpus.measures.quantization import quantize
from mediacorpus.networks.onnx_session import Session
from mediacorpus.networks.stored import intact
from mediacorpus.networks.views import preprocess
from mediacorpus.store import derived
from mediacorpus.store.progress import VISUAL_ITEMS
from mediacorpus.store.store import Store

FOLDER = "efficientnet_lite0_int8"
CALIBRATION = 64
COMPARED = 192
MIN_SIDE = 256


@dataclass(frozen=True, slots=True)
class CorpusModel:
    """The 8-bit network of a corpus.

    Parameters
    ----------
    path:
        The ONNX file.
    digest:
        Its SHA-256.
    agreement:
        Share of images whose best tag is the one that fp32 gives, 0 to 1.
    compared:
        Number of those images; none of them served for calibration, unless the corpus has
        too few.
    """

    path: Path
    digest: str
    agreement: float
    compared: int

    @property
    def note(self) -> str:
        """Say how well it agrees with fp32."""
        return (
            f"int8 gives the same best tag as fp32 for {self.agreement:.1%} of "
            f"{self.compared:,} images of this corpus."
        )


def corpus_model(store: Store, *, show: bool | None = None) -> CorpusModel:
    """Return the 8-bit network of a corpus, made from its images on first use.

    It is kept in the corpus, so that later runs use the same one.

    Parameters
    ----------
    store:
        The catalogue.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    ParameterError
        The corpus has no image to calibrate with.
    MissingExtra
        onnx or onnxruntime is not installed.
    """
    path = store.folder / "models" / FOLDER / "model.onnx"
    card = path.with_name("agreement.json")
    if intact(path) and card.is_file():
        facts = json.loads(card.read_text(encoding="utf-8"))
        return CorpusModel(path, Session(path).sha256, facts["agreement"], facts["compared"])
    with progress("calibrating int8", total=CALIBRATION + COMPARED, show=show) as report:
        images = []
        for image in _images(store, _spread(store, CALIBRATION + COMPARED)):
            images.append(image)
            report(1)
    if not images:
        raise ParameterError(
            "int8 is calibrated on images of the corpus, and none can be read. "
            "Add images first, or use --precision fp32."
        )
    # Every fourth image calibrates, so that both sets come from all over the corpus.
    chosen = images[:: max(1, len(images) // CALIBRATION)][:CALIBRATION]
    kept = {id(image) for image in chosen}
    others = [image for image in images if id(image) not in kept] or images
    with writing(store.folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        quantize(onnx_file(), chosen, path)
        agreement = _agreement(others, Session(onnx_file()), Session(path))
        facts = {"agreement": agreement, "compared": len(others), "calibration": len(chosen)}
        with atomic_write(card) as temporary:
            temporary.write_text(json.dumps(facts), encoding="utf-8")
    return CorpusModel(path, Session(path).sha256, agreement, len(others))


def _spread(store: Store, count: int) -> list[str]:
    """Choose items by their hashes: spread at random over the corpus, yet always the same."""
    return [
        row[0]
        for row in store.rows(
            f"SELECT item FROM items WHERE {VISUAL_ITEMS} ORDER BY item LIMIT ?", (count,)
        )
    ]


def _images(store: Store, items: Sequence[str]) -> Iterator[Pixels]:
    places = derived.places(store, items)
    for one in open_all([(item, places[item]) for item in items], MIN_SIDE):
        if one.pixels is not None:
            yield preprocess(one.pixels)


def _agreement(images: Sequence[Pixels], one: Session, other: Session) -> float:
    batch = np.stack(images)
    best = [session.run(batch)[1].argmax(axis=1) for session in (one, other)]
    return float((best[0] == best[1]).mean())
