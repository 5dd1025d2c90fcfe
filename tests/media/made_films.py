"""Films whose frames carry their numbers, so that a wrong one cannot pass for the right one."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

BITS = 17


def numbered(number: int) -> np.ndarray:
    """A gray image 64 x 48 whose 10 x 16 blocks are the bits of a number."""
    bits = np.array([number >> bit & 1 for bit in range(BITS + 1)], np.uint8).reshape(3, 6)
    luma = np.full((48, 64), 40, np.uint8)
    luma[:, :60] += np.kron(bits * 170, np.ones((16, 10), np.uint8))
    return luma


def read_number(pixels: np.ndarray) -> int:
    blocks = cv2.resize(pixels, (64, 48), interpolation=cv2.INTER_AREA)[..., 1]
    bits = blocks[:, :60].reshape(3, 16, 6, 10).mean(axis=(1, 3)) > 120
    return int((bits.ravel() * (1 << np.arange(BITS + 1))).sum())


def film(path, *, count=60, codec="libx264", stamps=None, size=(64, 48), **more) -> Path:
    """Write a clip whose frames carry their numbers; `stamps` are in 1/25 s."""
    encoder = {"gop_size": 12, "max_b_frames": 0, "bit_rate": 800_000, **more.get("encoder", {})}
    with av.open(str(path), "w", format=more.get("format"), options=more.get("muxer", {})) as file:
        stream = file.add_stream(codec, rate=25, options=more.get("options", {}))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for name, value in encoder.items():
            setattr(stream.codec_context, name, value)
        if "rotation" in more:
            stream.set_display_rotation(more["rotation"], more.get("flip", False))
        if "metadata" in more:
            file.metadata.update(more["metadata"])
        for n in range(count):
            luma = cv2.resize(numbered(n), size, interpolation=cv2.INTER_NEAREST)
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = luma
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = n if stamps is None else stamps[n]
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return Path(path)


def all_stamps(path: Path) -> list[int]:
    with av.open(str(path)) as file:
        return [frame.pts for frame in file.decode(video=0)]
