"""Where networks are cut into blocks, which learn or not, and a head."""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

from mediacorpus.extras import need

Cut: TypeAlias = tuple[list[Any], Any]
"""Blocks and head."""


def cut_chain(module: Any, dropout: float) -> Cut:
    """Cut AlexNet or VGG: one block per convolution, then one per hidden dense layer."""
    nn = need("torch.nn")
    blocks: list[list[Any]] = []
    for layer in module.features:
        if isinstance(layer, nn.Conv2d):
            blocks.append([])
        blocks[-1].append(layer)
    blocks[-1] += [module.avgpool, nn.Flatten()]
    dense: list[list[Any]] = [[]]
    for layer in module.classifier:
        dense[-1].append(layer)
        if isinstance(layer, nn.ReLU):
            dense.append([])
    *hidden, last = dense
    head = nn.Sequential(nn.Dropout(dropout), last[-1])
    return [nn.Sequential(*group) for group in (*blocks, *hidden)], head


def cut_sequence(module: Any, dropout: float) -> Cut:
    """Cut a plain sequence of layers: one block per convolution or dense layer.

    A dropout layer right before the last layer gets the share `dropout`; where there is none,
    the head has one.
    """
    nn = need("torch.nn")
    *layers, last = module
    if isinstance(layers[-1], nn.Dropout):
        drop = layers.pop()
        drop.p = dropout
    else:
        drop = nn.Dropout(dropout)
    blocks: list[list[Any]] = [[]]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear) and any(map(_has_weights, blocks[-1])):
            blocks.append([])
        blocks[-1].append(layer)
    return [nn.Sequential(*group) for group in blocks], nn.Sequential(drop, last)


def _has_weights(layer: Any) -> bool:
    return next(layer.parameters(), None) is not None


def cut_resnet(module: Any, dropout: float) -> Cut:
    """Cut a ResNet: the stem, then one block per residual block."""
    nn = need("torch.nn")
    stem = nn.Sequential(module.conv1, module.bn1, module.relu, module.maxpool)
    layers = (module.layer1, module.layer2, module.layer3, module.layer4)
    residual = [block for layer in layers for block in layer]
    head = nn.Sequential(module.avgpool, nn.Flatten(), nn.Dropout(dropout), module.fc)
    return [stem, *residual], head


def cut_squeezenet(module: Any, dropout: float) -> Cut:
    """Cut a SqueezeNet: the stem, then one block per fire module; the head is a convolution."""
    nn = need("torch.nn")
    fire = need("torchvision.models.squeezenet").Fire
    blocks: list[list[Any]] = [[]]
    for layer in module.features:
        if isinstance(layer, fire):
            blocks.append([])
        blocks[-1].append(layer)
    _, convolution, *rest = module.classifier
    head = nn.Sequential(nn.Dropout(dropout), convolution, *rest, nn.Flatten())
    return [nn.Sequential(*group) for group in blocks], head


def cut_densenet(module: Any, dropout: float) -> Cut:
    """Cut a DenseNet: the stem, then one block per dense block with the transition before it."""
    nn = need("torch.nn")
    blocks: list[list[Any]] = [[]]
    for name, layer in module.features.named_children():
        if name == "denseblock1" or name.startswith("transition"):
            blocks.append([])
        blocks[-1].append(layer)
    blocks[-1].append(nn.ReLU())
    pool = nn.AdaptiveAvgPool2d(1)
    head = nn.Sequential(pool, nn.Flatten(), nn.Dropout(dropout), module.classifier)
    return [nn.Sequential(*group) for group in blocks], head


def cut_inception(module: Any, dropout: float) -> Cut:
    """Cut Inception v3: two blocks of convolutions, then one per mixed block."""
    nn = need("torch.nn")
    layers = dict(module.named_children())
    names = list(layers)
    middle, mixed = names.index("Conv2d_3b_1x1"), names.index("Mixed_5b")
    groups = [names[:middle], names[middle:mixed]]
    groups += [[name] for name in names if name.startswith("Mixed")]
    blocks = [nn.Sequential(*(layers[name] for name in group)) for group in groups]
    head = nn.Sequential(module.avgpool, nn.Flatten(), nn.Dropout(dropout), module.fc)
    return blocks, head


def cut_googlenet(module: Any, dropout: float) -> Cut:
    """Cut GoogLeNet: the stem, then one block per inception module with the pooling before it."""
    nn = need("torch.nn")
    stem = nn.Sequential(*(getattr(module, name) for name in ("conv1", "maxpool1", "conv2")))
    blocks, waiting = [stem], [module.conv3]
    for name, layer in module.named_children():
        if name.startswith(("maxpool", "inception")) and name != "maxpool1":
            waiting.append(layer)
        if name.startswith("inception"):
            blocks.append(nn.Sequential(*waiting))
            waiting = []
    head = nn.Sequential(module.avgpool, nn.Flatten(), nn.Dropout(dropout), module.fc)
    return blocks, head


def cut_efficientnet(module: Any, dropout: float) -> Cut:
    """Cut timm's EfficientNet: the stem, the inverted residual blocks, the last convolution."""
    nn = need("torch.nn")
    stem = nn.Sequential(module.conv_stem, module.bn1)
    residual = [block for stage in module.blocks for block in stage]
    last = nn.Sequential(module.conv_head, module.bn2)
    head = nn.Sequential(module.global_pool, nn.Dropout(dropout), module.classifier)
    return [stem, *residual, last], head


def cut_timm(module: Any, dropout: float) -> Cut:
    """Cut any network of timm: all of its body is one block, unless it is an EfficientNet."""
    if type(module).__name__ == "EfficientNet":
        return cut_efficientnet(module, dropout)
    module.drop_rate = dropout
    if isinstance(getattr(module, "head_drop", None), need("torch.nn").Dropout):
        module.head_drop.p = dropout
    method = method_module()
    return [method(module, "forward_features")], method(module, "forward_head")


@functools.cache
def method_module() -> Any:
    """Make the class of modules that run one method of another module."""

    class Method(need("torch.nn").Module):  # type: ignore[misc]
        def __init__(self, module: Any, name: str, **options: Any) -> None:
            super().__init__()
            self.module = module
            self.name = name
            self.options = options

        def forward(self, x: Any) -> Any:
            return getattr(self.module, self.name)(x, **self.options)

    return Method
