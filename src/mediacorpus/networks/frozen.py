"""Networks that do not learn: their export to ONNX, and what they make of images."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus._version import __version__
from mediacorpus.errors import MissingExtra, ModelError, ParameterError, WeightsNotFound
from mediacorpus.extras import need
from mediacorpus.networks.backbones import (
    LITE,
    RANDOM,
    Network,
    backbone_info,
    create,
)
from mediacorpus.networks.cuts import method_module
from mediacorpus.networks.efficientnet_graph import STAGES, graph
from mediacorpus.networks.onnx_session import CHUNK, open_session
from mediacorpus.networks.stored import intact, store, stored
from mediacorpus.settings import settings

OPSET = 18
_STACK_TRACE = "pkg.torch.onnx.stack_trace"

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in luma (ITU-R BT.601)."""


def split(network: Network, unfreeze: str | int) -> tuple[list[Any], list[Any]]:
    """Part a network's modules into those that do not learn and those that do.

    What lies between the last block and the last layer and has no weights, such as pooling,
    is counted to what does not learn where only the last layer does.

    Examples
    --------
    >>> from mediacorpus.networks.backbones import create
    >>> network = create("efficientnet_lite0", weights="random", classes=2)
    >>> [len(part) for part in split(network, 1)], [len(part) for part in split(network, "head")]
    ([17, 4], [19, 2])
    """
    nn = need("torch.nn")
    count = len(network.blocks) - network.learning_blocks(unfreeze)
    fixed, learning = list(network.blocks[:count]), list(network.blocks[count:])
    head = list(network.head) if isinstance(network.head, nn.Sequential) else [network.head]
    while not learning and not isinstance(head[0], nn.Dropout) and not _has_weights(head[0]):
        fixed.append(head.pop(0))
    return fixed, learning + head


def check_size(network: Network) -> None:
    """Raise if a network cannot see images of the size that it is to see.

    Raises
    ------
    ParameterError
        It fails on a black image of that size.

    Examples
    --------
    >>> from mediacorpus.networks.backbones import create
    >>> check_size(create("squeezenet1_1", weights="random", classes=2, size=96))
    """
    torch = need("torch")
    network.module.eval()
    try:
        with torch.inference_mode():
            network.module(torch.zeros(1, 1 if network.gray else 3, network.size, network.size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ParameterError(
            f"{network.name} cannot see images of {network.size} x {network.size} pixels "
            f"({str(error).splitlines()[0]}). Leave --size out, or ask for another."
        ) from error


def standardizer(network: Network) -> Any:
    """Make the module that turns images into a network's input.

    Examples
    --------
    >>> from mediacorpus.networks.backbones import create
    >>> module = standardizer(create("efficientnet_lite0", weights="random", classes=2))
    >>> module(need("torch").full((1, 2, 2, 3), 255, dtype=need("torch").uint8)).unique()
    tensor([1.])

    A network that takes gray gets the luma of ITU-R BT.601.

    >>> module = standardizer(create("lenet", weights="random", classes=2))
    >>> red = need("torch").tensor([255, 0, 0], dtype=need("torch").uint8)
    >>> module(red.expand(1, 28, 28, 3)).shape, module(red.expand(1, 1, 1, 3)).item()
    (torch.Size([1, 1, 28, 28]), -0.40...)
    """
    return _standardizer_class()(network.mean, network.sd, gray=network.gray)


@functools.cache
def _standardizer_class() -> Any:
    torch = need("torch")

    class Standardizer(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, mean: Sequence[float], sd: Sequence[float], *, gray: bool) -> None:
            super().__init__()
            self.gray = gray
            center, spread = (torch.tensor(v).view(3, 1, 1) for v in (mean, sd))
            self.register_buffer("gain", 1 / (255 * spread), persistent=False)
            self.register_buffer("shift", -center / spread, persistent=False)
            luma = torch.tensor(LUMA).view(3, 1, 1)
            self.register_buffer("luma", luma, persistent=False)

        def forward(self, pixels: Any) -> Any:
            # (N, size, size, 3) uint8 → (N, 3, size, size) float32, or (N, 1, size, size)
            x = pixels.permute(0, 3, 1, 2).float() * self.gain + self.shift
            return (x * self.luma).sum(1, keepdim=True) if self.gray else x

    return Standardizer


def _has_weights(module: Any) -> bool:
    return next(module.parameters(), None) is not None


def fixed_graph(network: Network, fixed: Sequence[Any]) -> bytes:
    """Write the part of a network that does not learn as ONNX.

    Traced networks are kept in the user's cache.

    Parameters
    ----------
    network:
        The network.
    fixed:
        Its modules that do not learn, in order; at least one.

    Returns
    -------
    bytes
        Input `pixels` uint8 `(N, size, size, 3)`; output `features` float32 `(N, ...)`.
    """
    if network.name == LITE:
        return _lite_prefix(network, len(fixed))
    key = _key(network, fixed)
    for module in fixed:
        for tensor in module.state_dict().values():
            key.update(tensor.contiguous().numpy().tobytes())
    key.update(f"{network.mean} {network.sd}".encode())
    make = functools.partial(trace, network, fixed, "features")
    path = stored(_cached(network, f"{len(fixed)}-{key.hexdigest()[:16]}"), make)
    return path.read_bytes()


def lite_graph(network: Network) -> Any:
    """Write EfficientNet-Lite0 as ONNX: `pixels` to `embedding` and `logits`."""
    tensors = [tensor.detach().numpy() for tensor in network.module.state_dict().values()]
    return graph(tensors, {}, side=network.size, mean=network.mean, sd=network.sd)


def _lite_prefix(network: Network, count: int) -> bytes:
    """Cut the written graph after some blocks."""
    onnx = need("onnx")
    names = ["stem.relu6"]
    for stage, (blocks, _) in enumerate(STAGES):
        names += [f"blocks.{stage}.{b}.{'sum' if b else 'project'}" for b in range(blocks)]
    names += ["head.relu6", "embedding"]
    whole = onnx.shape_inference.infer_shapes(lite_graph(network))
    model = onnx.utils.Extractor(whole).extract_model(["pixels"], [names[count - 1]])
    model.graph.node.append(onnx.helper.make_node("Identity", [names[count - 1]], ["features"]))
    model.graph.output[0].name = "features"
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def trace(network: Network, modules: Sequence[Any], output: str) -> bytes:
    """Write modules as ONNX, from pixels on.

    PyTorch's exporter takes seconds. What it makes of an architecture is kept in the user's cache
    without the weights, which are put into it here; then what is constant is computed.

    Parameters
    ----------
    network:
        The network that they are of.
    modules:
        Modules that follow one another.
    output:
        Name of the output.

    Returns
    -------
    bytes
        Input `pixels` uint8 `(N, size, size, 3)`; the output float32.
    """
    onnx, optimizer = need("onnx"), need("onnxscript.optimizer")
    whole = need("torch.nn").Sequential(standardizer(network), *modules).eval()
    weights = {**whole.state_dict(), **dict(whole.named_buffers(remove_duplicate=False))}
    key = _key(network, modules)
    key.update(output.encode())
    make = functools.partial(_without_weights, whole, network.size, output=output, names=weights)
    path = stored(_cached(network, f"{len(modules)}-{key.hexdigest()[:16]}-architecture"), make)
    model = onnx.load_from_string(path.read_bytes())
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.raw_data = weights[tensor.name].contiguous().numpy().tobytes()
    content: bytes = optimizer.optimize(model).SerializeToString(deterministic=True)
    return content


def _key(network: Network, modules: Sequence[Any]) -> Any:
    """Begin a SHA-256 over what modules compute, except for their weights."""
    key = hashlib.sha256(f"{__version__} {OPSET} {need('torch').__version__}".encode())
    key.update(f"{network.name} {network.size} {network.gray}".encode())
    for module in modules:
        key.update(str(module).encode())
        for kind in sorted({type(part) for part in module.modules()}, key=str):
            code = getattr(kind.forward, "__code__", None)
            if code is not None:
                key.update(code.co_code)
                key.update(repr([code.co_names, *map(_plain, code.co_consts)]).encode())
    return key


def _plain(constant: object) -> object:
    """Give one of the constants of a function, unless its text is never the same."""
    return constant if isinstance(constant, (str, int, float, tuple)) else None


def _cached(network: Network, name: str) -> Path:
    return settings().cache / "networks" / f"{network.name.replace(':', '-')}-{name}.onnx"


def _without_weights(whole: Any, size: int, *, output: str, names: Container[str]) -> bytes:
    """Trace a module with PyTorch's exporter, without its chatter; leave the weights empty.

    Where in which file each node comes from is left out, for a model may be shared.
    """
    torch = need("torch")
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                whole.to(memory_format=torch.contiguous_format),
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                input_names=["pixels"],
                output_names=[output],
                opset_version=OPSET,
                verbose=False,
                optimize=False,
            )
    finally:
        logger.setLevel(level)
    model = program.model_proto
    for node in model.graph.node:
        notes = [note for note in node.metadata_props if note.key != _STACK_TRACE]
        node.ClearField("metadata_props")
        node.metadata_props.extend(notes)
    for tensor in model.graph.initializer:
        if tensor.name in names:
            tensor.ClearField("raw_data")
    content: bytes = model.SerializeToString(deterministic=True)
    return content


FOLDER = "networks"
"""Folder of a corpus that holds the networks by whose embeddings it was measured."""
_DIGEST = 64
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, eq=False)
class FrozenNetwork:
    """A network without its last layer, which describes images; it needs no torch.

    Parameters
    ----------
    backbone:
        Name of the backbone.
    digest:
        SHA-256 over the weights and over how images are shown to it.
    size, crop:
        As in `views.plain_view`.
    width:
        How many numbers it gives.
    licence, citation:
        Of the backbone.
    session:
        The network in ONNX Runtime; may be called from several threads at once.
    """

    backbone: str
    digest: str
    size: int
    crop: float
    width: int
    licence: str
    citation: str
    session: Any

    def run(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe views, uint8 `(N, size, size, 3)`; gives float32 `(N, width)`."""
        found = np.empty((len(views), self.width), np.float32)
        for start in range(0, len(views), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = self.session.run(None, {"pixels": views[part]})[0]
        return found


def is_other(backbone: str | None, weights: str | Path | None) -> bool:
    """Tell whether a network is another one than the built-in one.

    >>> is_other("efficientnet_lite0", "pretrained"), is_other("resnet18", None)
    (False, True)
    """
    return backbone not in {None, LITE} or weights not in {None, "pretrained"}


def freeze(backbone: str, weights: str) -> tuple[str, Network]:
    """Make a network with weights that were learned; give it and what identifies it.

    Raises
    ------
    UnknownName
        There is no such backbone.
    WeightsNotFound
        The weights are missing and cannot be downloaded.
    ParameterError
        The weights are random, or the file does not fit.
    MissingExtra
        A package is not installed.
    """
    if weights == RANDOM:
        raise ParameterError(
            "Random weights have learned nothing, so an embedding by them says nothing. Leave "
            "--weights out for the pretrained ones, or name a file with --weights FILE."
        )
    network = create(backbone, weights=weights, classes=1)
    network.module.eval()
    seen = (network.size, network.crop, network.mean, network.sd, network.gray)
    digest = hashlib.sha256(f"{backbone} {backbone_info(backbone).version} {seen}".encode())
    for name, tensor in sorted(network.module.state_dict().items()):
        if not name.startswith(f"{network.last}."):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest(), network


def embedding_graph(network: Network, digest: str) -> bytes:
    """Write a network without its last layer as ONNX, with what `open_frozen` has to know."""
    torch, onnx = need("torch"), need("onnx")
    layers = _embedding_layers(network)
    black = torch.zeros(1, network.size, network.size, 3, dtype=torch.uint8)
    with torch.inference_mode():
        width = int(torch.nn.Sequential(standardizer(network), *layers).eval()(black).shape[1])
    model = onnx.load_from_string(fixed_graph(network, layers))
    info = backbone_info(network.name)
    facts = {"backbone": network.name, "digest": digest, "crop": network.crop, "width": width}
    facts |= {"size": network.size, "licence": info.licence, "citation": info.citation}
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in facts.items()})
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _embedding_layers(network: Network) -> list[Any]:
    """Give all layers before the last one, pooled to one row of numbers for each image."""
    torch = need("torch")
    fixed, rest = split(network, "head")
    if isinstance(rest[0], method_module()):  # timm's own head: pooling, and what precedes the last
        fixed.append(method_module()(rest[0].module, rest[0].name, pre_logits=True))
    channels = 1 if network.gray else 3
    with torch.inference_mode():
        black = torch.zeros(1, channels, network.size, network.size)
        shape = torch.nn.Sequential(*fixed).eval()(black).shape
    return fixed if len(shape) == 2 else [*fixed, _pool_class()()]  # noqa: PLR2004


@functools.cache
def _pool_class() -> Any:
    torch = need("torch")

    class Pool(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x: Any) -> Any:
            return x.flatten(2).mean(2)

    return Pool


def open_frozen(content: bytes) -> FrozenNetwork:
    """Load what `embedding_graph` wrote.

    Raises
    ------
    ModelError
        It is something else.
    MissingExtra
        onnxruntime is not installed.
    """
    session = open_session(content)
    found = session.get_modelmeta().custom_metadata_map
    try:
        facts = {name: json.loads(found[name]) for name in FrozenNetwork.__slots__[:-1]}
    except (KeyError, ValueError) as error:
        raise ModelError(
            "The network is no backbone without its last layer; measure with --backbone again."
        ) from error
    return FrozenNetwork(**facts, session=session)


def kept_network(folder: Path, backbone: str, weights: str | None = None) -> tuple[Path, str]:
    """Give the file of a frozen network that a corpus keeps, made on first use, and its digest.

    It is kept so that whoever goes on with the corpus has the very same network, without torch
    and without the file of the weights.

    Parameters
    ----------
    folder:
        The corpus.
    backbone:
        Name of the backbone.
    weights:
        As in `create`, or the digest of a network that the corpus keeps.

    Raises
    ------
    UnknownName, WeightsNotFound, ParameterError, MissingExtra
        As `freeze`.
    ModelError
        A digest is given, and the network is not there or damaged.
    """
    asked = weights or "pretrained"
    if len(asked) == _DIGEST and set(asked) <= _HEX:
        path = _place(folder, backbone, asked)
        if not intact(path):
            raise ModelError(
                f"The network {path.name} in {path.parent} is missing or damaged. Put it back from "
                f"your backup, or make it again: mediacorpus measure {folder} embedding --backbone "
                f"{backbone}, with --weights FILE if you named a file then."
            )
        return path, asked
    digest, network = freeze(backbone, asked)
    path = _place(folder, backbone, digest)
    if not intact(path):
        store(path, embedding_graph(network, digest))
    return path, digest


def adopt_network(folder: Path, parameters: Mapping[str, Any], *, near: Sequence[Path]) -> None:
    """Let a corpus keep the network that an embedding of another corpus was made by.

    Parameters
    ----------
    folder:
        The corpus.
    parameters:
        Of the embedding's setup; without a backbone there is nothing to do.
    near:
        Folders in which it may lie, such as the other corpus.

    Raises
    ------
    UnknownName
        There is no such backbone.
    ModelError
        It lies nowhere, and the published weights are not those that were used.
    """
    if "backbone" not in parameters:
        return
    backbone, digest = str(parameters["backbone"]), str(parameters["weights"])
    backbone_info(backbone)
    path = _place(folder, backbone, digest)
    there = [own for place in (folder, *near) if intact(own := _place(place, backbone, digest))]
    content = there[0].read_bytes() if there else _published(backbone, digest)
    if len(digest) != _DIGEST or content is None or open_frozen(content).digest != digest:
        raise ModelError(
            f"The model works on an embedding by {backbone}, whose network is not beside it. Ask "
            f"for the files {path.name} and {path.name}.sha256 from the folder {FOLDER} of the "
            f"corpus where it was trained, and put them into {folder / FOLDER}."
        )
    if path not in there:
        store(path, content)


def _published(backbone: str, digest: str) -> bytes | None:
    """Make the network of published weights, if that is what a digest says and they are here."""
    try:
        found, network = freeze(backbone, "pretrained")
    except (WeightsNotFound, MissingExtra):
        return None
    return embedding_graph(network, digest) if found == digest else None


def frozen_of(folder: Path, parameters: Mapping[str, Any]) -> FrozenNetwork | None:
    """Load the network of an embedding by the parameters of its setup.

    None stands for the built-in network.
    """
    if "backbone" not in parameters:
        return None
    path, _ = kept_network(folder, str(parameters["backbone"]), str(parameters["weights"]))
    return open_frozen(path.read_bytes())


def _place(folder: Path, backbone: str, digest: str) -> Path:
    return folder / FOLDER / f"{backbone.replace(':', '-')}-{digest[:16]}.onnx"
