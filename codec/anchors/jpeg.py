"""JPEG by Pillow: baseline of every comparison, in-process because an encode takes milliseconds."""

from __future__ import annotations

import io

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from codec.anchors.base import CHROMA_FORMATS, Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import MAX_PIXELS
from codec.errors import AnchorError
from codec.jobs import CancelToken, check
from codec.picture import Picture


class JpegAnchor(Anchor):
    """Progressive, optimised Huffman tables; grey as one component.

    Parameters
    ----------
    chroma : {"444", "420"}
        Chroma format.
    """

    id = "jpeg"
    suffix = ".jpg"
    chroma = "444"
    quality = QualityRange(1, 100, 1, False, "quality", (5, 95, 5))

    def __init__(self, chroma: str = "444") -> None:
        if chroma not in CHROMA_FORMATS:
            raise AnchorError(f"jpeg has no chroma format {chroma!r}", hint=", ".join(CHROMA_FORMATS))
        self.chroma = chroma

    @property
    def label(self) -> str:
        """Says so where chroma is halved."""
        return "JPEG" if self.chroma == "444" else "JPEG (4:2:0)"

    @property
    def settings_text(self) -> str:
        """Program and format."""
        return f"Pillow {CHROMA_FORMATS[self.chroma]} optimised progressive"

    @property
    def version(self) -> str:
        """Version of Pillow."""
        return f"Pillow {PIL.__version__}"

    def availability(self) -> str | None:
        """JPEG always runs: Pillow is a dependency."""
        return None

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a JPEG file."""
        check(cancel)
        check_input(picture)
        self.quality.check(quality)
        image = Image.fromarray(picture.planes[0] if picture.color == "grey" else picture.rgb)
        buffer = io.BytesIO()
        subsampling = {"444": 0, "420": 2}[self.chroma]
        image.save(buffer, "JPEG", quality=round(quality), subsampling=subsampling, optimize=True, progressive=True)
        return buffer.getvalue()

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode a JPEG file."""
        check(cancel)
        try:
            with Image.open(io.BytesIO(stream), formats=["JPEG"]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise AnchorError("the JPEG is too large")
                return Picture.from_array(np.array(image.convert("L" if image.mode == "L" else "RGB")))
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise AnchorError("not a JPEG that can be decoded") from error
