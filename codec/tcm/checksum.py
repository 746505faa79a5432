"""The checksum that proves a decoder's picture equal to the encoder's."""

from __future__ import annotations

import google_crc32c
import numpy as np

from codec.tcm.planes import Planes


def planes_checksum(planes: Planes) -> int:
    """CRC-32C of the padded working picture: Y, U and V row by row, 16 bits per sample, little endian."""
    crc = 0
    for plane in planes.all:
        samples = plane.cpu().numpy().astype("<u2")
        crc = google_crc32c.extend(crc, np.ascontiguousarray(samples).tobytes())
    return int(crc)
