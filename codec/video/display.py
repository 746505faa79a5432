"""How a frame looks on a screen: chroma brought to the size of luma, matrix and range as the tags say.

For eyes only: what is measured and coded are the planes.
"""

from __future__ import annotations

import cv2
import numpy as np

from codec.video.frame import ColorTags, Frame

KR_KB = {
    1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087),
    9: (0.2627, 0.0593), 10: (0.2627, 0.0593),
}  # fmt: skip
"""Weights of red and blue in luma, by the matrix of ITU-T H.273."""
BT709, BT601 = 1, 6
SD_WIDTH_PX, SD_HEIGHT_PX = 1024, 576
"""Up to this size an untagged clip counts as BT.601, above as BT.709."""


def frame_rgb(frame: Frame, color: ColorTags) -> np.ndarray:
    """RGB samples `(H, W, 3)` uint8 of a frame, chroma interpolated linearly.

    Transfer functions and primaries are left as they are, as players without colour management have it.
    """
    height, width = frame.planes[0].shape
    u, v = (_upsampled(plane, height, width, color.chroma_location) for plane in frame.planes[1:])
    stacked = cv2.merge([np.ascontiguousarray(frame.planes[0]), u, v])
    matrix = rgb_matrix(matrix_of(color, width, height), color.full_range, frame.bit_depth)
    if frame.bit_depth == 8:
        return cv2.transform(stacked, matrix)  # rounds and saturates
    # 16-bit results saturate at both ends if 255 is nearly the largest of them; the half rounds.
    matrix = matrix * 256
    matrix[:, 3] += 128
    return np.right_shift(cv2.transform(stacked, matrix), 8).astype(np.uint8)


def matrix_of(color: ColorTags, width_px: int, height_px: int) -> int:
    """Matrix to show a clip with: the tagged one, else what its size suggests."""
    if color.matrix in KR_KB:
        return color.matrix
    return BT601 if width_px <= SD_WIDTH_PX and height_px <= SD_HEIGHT_PX else BT709


def rgb_matrix(matrix: int, full_range: bool, bit_depth: int) -> np.ndarray:
    """`(3, 4)`: rows of R, G, B in 0..255 from code values Y, U, V and 1."""
    kr, kb = KR_KB[matrix]
    kg = 1 - kr - kb
    scale = 1 << (bit_depth - 8)
    peak = (1 << bit_depth) - 1
    luma, chroma, black = (peak, peak, 0) if full_range else (219 * scale, 224 * scale, 16 * scale)
    gains = np.array(
        [[1, 0, 2 * (1 - kr)], [1, -2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg], [1, 2 * (1 - kb), 0]]
    ) * [255 / luma, 255 / chroma, 255 / chroma]
    return np.column_stack([gains, gains @ [-black, -128 * scale, -128 * scale]])


def _upsampled(plane: np.ndarray, height: int, width: int, location: int) -> np.ndarray:
    """Chroma at every luma position, given where its samples lie: left (0), centre (1) or top left (2)."""
    rows, cols = plane.shape
    if location == 1:
        return np.ascontiguousarray(
            cv2.resize(plane, (2 * cols, 2 * rows), interpolation=cv2.INTER_LINEAR)[:height, :width]
        )
    # Positions in chroma samples: halves across where co-sited, quarters down where sited between two lines.
    down = 0.0 if location == 2 else -0.25
    transform = np.array([[0.5, 0, 0], [0, 0.5, down]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, transform, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
