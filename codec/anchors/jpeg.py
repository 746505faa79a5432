"""JPEG by Pillow: baseline of every comparison, in-process because an encode takes milliseconds."""

from __future__ import annotations

import io

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import MAX_PIXELS
from codec.errors import AnchorError
from codec.jobs import CancelToken, check
from codec.picture import Picture


class JpegAnchor(Anchor):
    """4:4:4, progressive, optimised Huffman tables; grey as one component."""

    id = "jpeg"
    suffix = ".jpg"
    label = "JPEG"
    settings_text = "Pillow 4:4:4 optimised progressive"
    quality = QualityRange(1, 100, 1, False, "quality", (5, 95, 5))

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
        image.save(buffer, "JPEG", quality=round(quality), subsampling=0, optimize=True, progressive=True)
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
