"""The command `doctor`: what is installed, what works, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus._version import __version__
from mediacorpus.extras import EXTRA_OF, install_line, installed, need
from mediacorpus.result import Result, counted
from mediacorpus.settings import settings

if TYPE_CHECKING:
    import pandas as pd

WORKS, MISSING, BROKEN = "works", "not installed", "broken"
FOR = {
    "models": "tags, embeddings, training, predictions",
    "report": "reports, plots, galleries, figures",
    "descriptors": "hog, lbp, haralick, zernike",
    "documents": "PDF files and SVG drawings",
    "video": "videos and sound",
    "download": "tables of links",
    "sheets": "tables and labels in Excel and OpenDocument sheets",
    "export": "tables for Stata and SPSS",
    "heif": "HEIC and HEIF images",
    "jxl": "JPEG XL images",
}
"""What each extra is for."""
GROUPS = ("mediacorpus.measures", "mediacorpus.metrics", "mediacorpus.backbones")
"""Entry points by which other packages register what they bring."""
LEAST_SPACE = 2e9
"""Bytes on the disk below which training and video soon end."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what:
        What it is.
    state:
        `"works"`, `"not installed"` or `"broken"`.
    found:
        Versions and figures.
    remedy:
        What to do, where it does not work.
    """

    what: str
    state: str
    found: str = ""
    remedy: str = ""


@dataclass(slots=True, repr=False)
class Checkup(Result):
    """What was looked at, in order."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """Number of things that are there and do not work."""
        return sum(one.state == BROKEN for one in self.findings)

    def __str__(self) -> str:
        width = max((len(one.what) for one in self.findings), default=0)
        lines = [line(one, width) for one in self.findings]
        missing = sum(one.state == MISSING for one in self.findings)
        if self.broken:
            lines.append(f"{counted(self.broken, 'thing')} must be put right: see above.")
        elif missing:
            lines.append("All that is installed works.")
        else:
            lines.append("All works.")
        return "\n".join(lines)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each finding: `what`, `state`, `found`, `remedy`."""
        import pandas as pd

        rows = [(one.what, one.state, one.found, one.remedy) for one in self.findings]
        return pd.DataFrame(rows, columns=["what", "state", "found", "remedy"])


def line(one: Finding, width: int = 0) -> str:
    """Write a finding on one line, and its remedy on the next.

    >>> print(line(Finding("video", "not installed", remedy="pip install av"), 8))
    video     not installed
              pip install av
    """
    text = f"{one.what.ljust(width)}  {one.state}" + (f": {one.found}" if one.found else "")
    return f"{text}\n{' ' * (width + 2)}{one.remedy}" if one.remedy else text


def doctor(on_finding: Callable[[Finding], None] | None = None) -> Checkup:
    """Look at what is installed, and try each part once.

    Nothing is sent over the network. `on_finding` is told of each finding as it comes.

    Examples
    --------
    >>> found = doctor()
    >>> [one.state for one in found.findings if one.what == "Python"]
    ['works']
    """
    done = Checkup()
    for finding in _findings():
        done.findings.append(finding)
        if on_finding is not None:
            on_finding(finding)
    return done


def _findings() -> Iterator[Finding]:
    yield Finding("Python", WORKS, f"{platform.python_version()} on {platform.system()}")
    yield _command()
    yield Finding("machine", WORKS, _machine())
    yield _disk()
    yield _terminal()
    for extra, purpose in FOR.items():
        yield _extra(extra, purpose)
    if installed("torch"):
        yield _device()
    yield from _plugins()


def _command() -> Finding:
    """Tell whether typing `mediacorpus` runs this very program."""
    where = Path(__file__).parent
    version = f"{__version__} in {where}"
    here = Path(sys.executable).parent / ("mediacorpus.exe" if os.name == "nt" else "mediacorpus")
    found = shutil.which("mediacorpus")
    if found is not None and Path(found).resolve() == here.resolve():
        return Finding("mediacorpus", WORKS, version)
    activate = activation(Path(sys.prefix))
    if found is None:
        return Finding(
            "mediacorpus", WORKS, f"{version}; the command is not on your path", activate
        )
    return Finding(
        "mediacorpus", WORKS, f"{version}; the command on your path is another, {found}", activate
    )


def activation(environment: Path) -> str:
    r"""Give the line that makes the command of an environment available in this terminal.

    >>> activation(Path("/study/.venv")).endswith("activate")
    True
    """
    if os.name == "nt":
        return f"{environment}\\Scripts\\activate"
    return f"source {environment}/bin/activate"


def _machine() -> str:
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        memory = f", {total / 1e9:.0f} GB of memory"
    return f"{counted(settings().workers, 'core')}{memory}"


def _disk() -> Finding:
    cache = settings().cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        return Finding(
            "cache",
            BROKEN,
            f"{cache} cannot be written ({error.strerror})",
            "Set MEDIACORPUS_CACHE to a folder of yours.",
        )
    free = shutil.disk_usage(cache).free
    if free < LEAST_SPACE:
        return Finding("cache", BROKEN, f"{free / 1e9:.1f} GB left in {cache}", "Free some space.")
    return Finding("cache", WORKS, f"{cache}, {free / 1e9:.0f} GB free")


def _terminal() -> Finding:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    if encoding.lower().replace("-", "") == "utf8":
        return Finding("terminal", WORKS, "UTF-8")
    return Finding(
        "terminal",
        WORKS,
        f"{encoding}; letters that it lacks are shown as others",
        "Set PYTHONUTF8=1 to see all names as they are.",
    )


def _extra(extra: str, purpose: str) -> Finding:
    """Look for the packages of an extra, and try it."""
    packages = [module for module, own in EXTRA_OF.items() if own == extra]
    what = f"{extra}"
    lacking = [module for module in packages if not installed(module)]
    if len(lacking) == len(packages):
        return Finding(what, MISSING, purpose, install_line(extra))
    if lacking:
        return Finding(
            what, BROKEN, f"{purpose}; without {', '.join(lacking)}", install_line(extra)
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for module in packages:
                need(module)
            TRIALS.get(extra, lambda: None)()
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises
        first = str(error).strip().partition("\n")[0][:200]
        again = install_line(extra).replace("pip install", "pip install --force-reinstall", 1)
        return Finding(what, BROKEN, f"{type(error).__name__}: {first}", again)
    return Finding(what, WORKS, purpose)


def _try_models() -> None:
    """Tag a black image with the built-in network."""
    import numpy as np

    from mediacorpus.engine.contract import MEASURES, Batch, BatchItem
    from mediacorpus.records import FileFacts

    pixels = np.zeros((256, 256, 3), np.uint8)
    batch = Batch([BatchItem("a", FileFacts("PNG", 256, 256, "RGB", 9), pixels)])
    if len(MEASURES.get("tags")()(batch)[0]) == 0:
        raise ValueError("the built-in network gives no tags")


def _try_report() -> None:
    figure = need("matplotlib.figure").Figure()
    figure.subplots().plot([0, 1])
    with tempfile.TemporaryFile() as file:
        figure.savefig(file, format="png")


def _try_documents() -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'
    from mediacorpus.media.decode import decode

    decode(drawing)
    need("pypdfium2").PdfDocument.new().close()


def _try_video() -> None:
    need("av").CodecContext.create("h264", "r")


TRIALS: dict[str, Callable[[], Any]] = {
    "models": _try_models,
    "report": _try_report,
    "documents": _try_documents,
    "video": _try_video,
}
"""How an extra is tried beyond importing its packages."""


def _device() -> Finding:
    try:
        torch = need("torch")
        if torch.cuda.is_available():
            return Finding("training", WORKS, f"on {torch.cuda.get_device_name(0)}")
    except Exception as error:  # noqa: BLE001 - whatever a broken driver raises
        return Finding("training", BROKEN, f"{type(error).__name__}: {error}"[:200])
    return Finding("training", WORKS, "on the processor; no graphics card is needed")


def _plugins() -> Iterator[Finding]:
    """Load what other packages have registered."""
    for group in GROUPS:
        for point in importlib.metadata.entry_points(group=group):
            if point.dist is not None and point.dist.name == "mediacorpus":
                continue
            name = f"{point.name} ({point.dist.name if point.dist else 'unknown'})"
            try:
                point.load()
            except Exception as error:  # noqa: BLE001 - whatever another package raises
                yield Finding(name, BROKEN, f"{type(error).__name__}: {error}"[:200])
            else:
                yield Finding(name, WORKS, group.rpartition(".")[2])
