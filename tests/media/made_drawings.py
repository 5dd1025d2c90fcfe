"""Drawings that tests make for themselves."""

import base64
import io

from PIL import Image

SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RED, LIME, BLUE, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]


def svg(body="", head='viewBox="0 0 100 100"', before=""):
    return f"{before}<svg {SPACES} {head}>{body}</svg>".encode()


def rect(fill="red", more=""):
    return f'<rect width="100" height="100" fill="{fill}" {more}/>'


def png(color="lime", size=(10, 10)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def uri(data, mime="image/png"):
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
