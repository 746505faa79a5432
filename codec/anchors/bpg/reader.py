"""A BPG file to a picture, through ffmpeg's HEVC decoder, or libheif's where it is lossless."""

from __future__ import annotations

import numpy as np

from codec.anchors.bpg import samples
from codec.anchors.bpg.container import C444, EXIF_TAG, GREY, ICC_TAG, BpgFile, parse
from codec.anchors.bpg.heif import decode_with_libheif
from codec.anchors.ffmpeg import MAX_PIXELS, decode_planes
from codec.errors import AnchorError
from codec.jobs import CancelToken, check
from codec.picture import Picture

_FORMATS = ("gray", "yuv420p", "yuv422p", "yuv444p")
_DEPTHS = (8, 9, 10, 12)
TIMEOUT_S = 120.0


def read_bpg(data: bytes, *, cancel: CancelToken | None = None) -> Picture:
    """Decode a BPG file to the 8-bit picture that bpgdec makes of it; of an animation the first frame.

    Raises
    ------
    AnchorError
        If the file is damaged, needs an HEVC bit depth that ffmpeg lacks (11, 13 and 14 bits), or is lossless with
        chroma of half size.
    """
    check(cancel)
    file = parse(data)
    planes = _decode(file, False, cancel)
    pixels = samples.to_rgb8(file, planes)
    alpha = None
    if file.alpha or file.white:
        (second,) = _decode(file, True, cancel)
        if file.white:
            pixels = samples.multiply_by_white(file, pixels, second)
        else:
            alpha = samples.alpha_to_8(file, second)
            if file.premultiplied:
                colour = pixels if pixels.ndim == 3 else pixels[..., None]
                pixels = samples.divide_by_alpha(colour, alpha).reshape(pixels.shape)
    if alpha is not None:
        pixels = np.concatenate([pixels.reshape(*alpha.shape, -1), alpha[..., None]], axis=-1)
    return Picture.from_array(pixels, icc=file.extensions.get(ICC_TAG, b""), exif=file.extensions.get(EXIF_TAG, b""))


def _decode(file: BpgFile, alpha: bool, cancel: CancelToken | None) -> list[np.ndarray]:
    if file.bit_depth not in _DEPTHS:
        raise AnchorError(f"{file.bit_depth} bits per sample cannot be decoded here", where="BPG", hint="use bpgdec")
    tools = file.alpha_tools if alpha and file.alpha_tools else file.tools
    width, height = tools.coded_size_px(file.width_px, file.height_px)
    if width * height > MAX_PIXELS:
        raise AnchorError(f"{width}x{height} px are too many", where="BPG")
    chroma = GREY if alpha else file.chroma_format
    stream = file.hevc(alpha=alpha)
    if tools.implicit_rdpcm:
        # Lossless blocks then have no edge filter behind horizontal and vertical prediction
        # (disableIntraBoundaryFilter). ffmpeg filters all the same: a wrong picture without a word.
        if chroma not in (GREY, C444):
            raise AnchorError("lossless BPG with halved chroma cannot be decoded here", where="BPG", hint="use bpgdec")
        return decode_with_libheif(stream, width, height, chroma, file.bit_depth)
    shapes = [(height, width)]
    if chroma != GREY:
        shapes += [(height >> (chroma == 1), width >> (chroma < 3))] * 2
    depth = "" if file.bit_depth == 8 else f"{file.bit_depth}le"
    pix_fmt = ("gray" if alpha else _FORMATS[chroma]) + depth
    return decode_planes(stream, "hevc", pix_fmt, shapes, timeout_s=TIMEOUT_S, cancel=cancel)
