"""The prediction of a picture from references and its motion, in exact integers (FORMAT.md, "Prediction").

Sub-pixel samples come from the interpolation filters of H.265 (8 taps for quarter pixels of luma, 4 taps for eighths
of chroma), applied along rows, then along columns, and rounded once at the end. No intermediate value reaches 2^24,
so the result is the same in every order of summation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from codec.errors import InputError
from codec.tcm.motion.field import CELL_PX, INTRA, NEAR, QUARTERS, REFERENCES, MotionField
from codec.tcm.planes import PEAK, Planes

LUMA_TAPS = (
    (0, 0, 0, 64, 0, 0, 0, 0),
    (-1, 4, -10, 58, 17, -5, 1, 0),
    (-1, 4, -11, 40, 40, -11, 4, -1),
    (0, 1, -5, 17, 58, -10, 4, -1),
)
"""By quarter: weights of the samples at -3..4 around the whole position."""
CHROMA_TAPS = (
    (0, 64, 0, 0), (-2, 58, 10, -2), (-4, 54, 16, -2), (-6, 46, 28, -4),
    (-4, 36, 36, -4), (-4, 28, 46, -6), (-2, 16, 54, -4), (-2, 10, 58, -2),
)  # fmt: skip
"""By eighth: weights of the samples at -1..2."""
FILTER_SHIFT = 12
"""Both filters together multiply by 2^12."""
GREY = (PEAK + 1) // 2
"""What an intra leaf is predicted as where no other leaf is in sight."""
PLANAR_REACH_PX = 64
"""How far an intra sample looks for samples of other leaves, in samples of its plane."""
_PLANAR_ONE = 5040
_CHUNK_CELLS = 4096
_BAND_SAMPLES = 1 << 22
"""Samples that are filled at a time: what that needs does not grow with the plane."""


def predict(references: Mapping[int, Planes], field: MotionField) -> Planes:
    """Motion-compensated prediction.

    Parameters
    ----------
    references : mapping of int to Planes
        Pictures by reference; beyond their edges the nearest sample counts.
    field : MotionField
        Of the same padded size.

    Returns
    -------
    Planes
        On the device of the references, 0..1023.
    """
    used = [ref for ref in REFERENCES if field.uses(ref).any()]
    if any(ref not in references for ref in used):
        raise InputError("the motion needs a reference that is not there", where="prediction of a P frame")
    device = references[NEAR].y.device
    intra = torch.from_numpy(field.mode == INTRA).to(device)
    parts = [_Part.of(references[ref], field, ref, device) for ref in used]
    out = []
    for index, like in enumerate(references[NEAR].all):
        side = CELL_PX if index == 0 else CELL_PX // 2
        total, count = torch.zeros_like(like), torch.zeros_like(like)
        for part in parts:
            here = samples_of(part.used, side)
            total += part.moved(index) * here
            count += here
        # One prediction as it is, (a + b + 1) >> 1 of two.
        predicted = torch.where(count == 2, (total + 1) >> 1, total)
        if bool(intra.any()):
            fill_planar(predicted, intra, side)
        out.append(predicted)
    return Planes(out[0], out[1], out[2])


@dataclass(frozen=True, eq=False)
class _Part:
    """What one reference gives: its picture, where it is used, and vectors by cell."""

    planes: Planes
    used: torch.Tensor
    vectors: torch.Tensor

    @classmethod
    def of(cls, planes: Planes, field: MotionField, ref: int, device: torch.device) -> _Part:
        vectors = torch.from_numpy(field.vectors_of(ref)).to(device, torch.int64)
        return cls(planes, torch.from_numpy(field.uses(ref)).to(device, torch.int32), vectors)

    def moved(self, index: int) -> torch.Tensor:
        """One plane, every cell from where its vector points."""
        plane = self.planes.all[index]
        return compensate(plane, self.vectors, index == 0) if bool(self.vectors.any()) else plane


def samples_of(cells: torch.Tensor, side: int) -> torch.Tensor:
    """Values by cell to values by sample."""
    return cells.repeat_interleave(side, 0).repeat_interleave(side, 1)


def compensate(plane: torch.Tensor, vectors: torch.Tensor, luma: bool) -> torch.Tensor:
    """Every cell of a plane, from where its vector points.

    Parameters
    ----------
    plane : torch.Tensor
        `(H, W)` int32.
    vectors : torch.Tensor
        `(rows, cols, 2)` int64, (dx, dy) in quarter pixels of luma.
    luma : bool
        Cells of 8x8 samples and quarters, or of 4x4 and eighths.
    """
    side = CELL_PX if luma else CELL_PX // 2
    rows, cols = vectors.shape[:2]
    number = torch.arange(rows * cols, device=plane.device)
    top, left = torch.div(number, cols, rounding_mode="floor") * side, number % cols * side
    cells = moved_cells(plane, top, left, vectors.reshape(-1, 2), luma)
    return cells.reshape(side, side, rows, cols).permute(2, 0, 3, 1).reshape(plane.shape)


def moved_cells(
    plane: torch.Tensor, top: torch.Tensor, left: torch.Tensor, vectors: torch.Tensor, luma: bool
) -> torch.Tensor:
    """`(side, side, N)` int32: cells from where their vectors point.

    Parameters
    ----------
    plane, luma
        As in `compensate`.
    top, left : torch.Tensor
        `(N,)` int64: where the cells are.
    vectors : torch.Tensor
        `(N, 2)` int64.
    """
    taps, unit, side = (LUMA_TAPS, QUARTERS, CELL_PX) if luma else (CHROMA_TAPS, 2 * QUARTERS, CELL_PX // 2)
    table = torch.tensor(taps, dtype=torch.int32, device=plane.device).T.contiguous()
    length = len(taps[0])
    before = length // 2 - 1
    height, width = plane.shape
    dx, dy = vectors.T
    top = top + torch.div(dy, unit, rounding_mode="floor") - before
    left = left + torch.div(dx, unit, rounding_mode="floor") - before
    steps = torch.arange(side + length - 1, device=plane.device)[:, None]
    flat = plane.reshape(-1)
    cells = plane.new_empty((side, side, len(vectors)))
    # Cells lie along the last axis, so that every step below is one long vector operation.
    for start in range(0, len(vectors), _CHUNK_CELLS):
        part = slice(start, start + _CHUNK_CELLS)
        row_of = (top[part] + steps).clamp_(0, height - 1) * width
        col_of = (left[part] + steps).clamp_(0, width - 1)
        window = flat[row_of[:, None] + col_of[None]]
        across, down = table[:, dx[part] % unit], table[:, dy[part] % unit]
        lines = sum_of_taps([window[:, k : k + side] for k in range(length)], across)
        total = sum_of_taps([lines[k : k + side] for k in range(length)], down)
        cells[:, :, part] = ((total + (1 << (FILTER_SHIFT - 1))) >> FILTER_SHIFT).clamp_(0, PEAK)
    return cells


def sum_of_taps(samples: list[torch.Tensor], taps: torch.Tensor) -> torch.Tensor:
    """Sum of `samples[k] * taps[k]`, int32."""
    total = samples[0] * taps[0]
    for sample, tap in zip(samples[1:], taps[1:], strict=True):
        total.addcmul_(sample, tap)
    return total


def fill_planar(plane: torch.Tensor, intra: torch.Tensor, side: int) -> None:
    """Replace the samples of intra cells by the mean of the nearest other samples, weighted by nearness.

    Each sample looks left, right, up and down for the first sample of a cell that is not intra, at most
    `PLANAR_REACH_PX` away; one at distance d has the weight `5040 // d`. Where none is in sight, the result is `GREY`.

    Parameters
    ----------
    plane : torch.Tensor
        `(H, W)` int32, changed in place.
    intra : torch.Tensor
        `(H/side, W/side)` bool.
    side : int
        Samples per cell and side.
    """
    hole = samples_of(intra, side)
    rows = max(PLANAR_REACH_PX, _BAND_SAMPLES // plane.shape[1])
    for top in range(0, plane.shape[0], rows):
        first, last = max(0, top - PLANAR_REACH_PX), min(plane.shape[0], top + rows + PLANAR_REACH_PX)
        if bool(hole[top : top + rows].any()):
            # What is filled already lies in holes, of which nothing is read.
            filled = _filled(plane[first:last], hole[first:last])
            plane[top : top + rows] = filled[top - first : top - first + rows]


def _filled(plane: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    """The plane with its holes filled."""
    total = torch.zeros_like(plane)
    weights = torch.zeros_like(plane)
    for dim in (0, 1):
        size = plane.shape[dim]
        place = torch.arange(size, device=plane.device)
        place = (place[:, None] if dim == 0 else place[None]).expand_as(plane)
        known = torch.where(hole, -1, place)
        first = torch.cummax(known, dim).values
        # Looking the other way: the same on the mirrored plane.
        last = size - 1 - torch.cummax(torch.where(hole, -1, size - 1 - place).flip(dim), dim).values.flip(dim)
        for found, seen in ((first, first >= 0), (last, last < size)):
            distance = (place - found).abs()
            seen = seen & (distance <= PLANAR_REACH_PX)
            weight = torch.where(seen, _PLANAR_ONE // distance.clamp(1, PLANAR_REACH_PX), 0).to(torch.int32)
            total += weight * plane.gather(dim, found.clamp(0, size - 1))
            weights += weight
    filled = (total + (weights >> 1)) // weights.clamp(min=1)
    return torch.where(hole, torch.where(weights > 0, filled, GREY), plane)
