"""Per-image refinement: efforts 2 and 3 of the encoder, free at the decoder.

y and z of the picture at hand are moved by gradient steps on its own J, through the networks that decode it: the
shipped model is its own differentiable twin, because its exact integer layers round with the gradient of the identity.
Rounding starts soft and hardens (`codec.tnc.soft_rounding`). What comes out are targets that round to the best symbols
found; `Refined` hands them to the ordinary walk over the slices, so a stream is written exactly as at effort 0.

The cost of effort 1 is the one to beat: a window of the picture in which nothing better is found keeps its symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
import torch
import torch.nn.functional as F

from codec.entropy import N_SCALES
from codec.entropy.range_coder import MAX_SYMBOL
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.quality import LAMBDA_CONSTANT, QP_STEPS
from codec.tnc.config import PATCH_PX
from codec.tnc.hyper import INDEX_EXPONENT, round_index
from codec.tnc.latents import FromAnalysis, SliceBatch
from codec.tnc.layout import ROWS_PER_UNIT, Layout
from codec.tnc.models import LoadedModel
from codec.tnc.profile import span
from codec.tnc.rdoq import CAUTION, distortion_weight, round_towards_rate
from codec.tnc.soft_rounding import BitRamps, soft_round
from codec.tnc.tensors import to_tensor

WINDOW_POSITIONS = 4096
"""Positions of y that are refined together: a megapixel, which bounds the memory (RUNS.md)."""
MARGIN = 4
"""Positions around a window that are refined with it and then thrown away, so that its edge sees a neighbour."""


@dataclass(frozen=True)
class Schedule:
    """Course of one refinement.

    Attributes
    ----------
    steps : int
        Gradient steps at most.
    rate : float
        Largest change of a value in one of the first steps, in quantisation steps (Adam); falls linearly to a tenth.
    hot, cold : float
        First and last temperature of soft rounding; falls geometrically.
    check_every : int
        Steps between looks at the real cost, by hard rounding; the best look wins.
    patience : int
        Looks without a gain of `LEAST_GAIN` after which refinement ends early.
    """

    steps: int
    rate: float = 0.06
    hot: float = 0.3
    cold: float = 0.1
    check_every: int = 10
    patience: int = 4


LEAST_GAIN = 5e-4
"""Relative gain of the real cost below which a look counts as no progress."""
SCHEDULES = {2: Schedule(steps=60), 3: Schedule(steps=300, hot=0.4, check_every=20)}
"""By effort."""
KEPT = 4
"""Refinements that are kept, so that rate control need not repeat the one it chose."""


class Refined(FromAnalysis):
    """Symbols from refined latents.

    Parameters
    ----------
    targets : torch.Tensor
        `(1, C, rows, cols)` gained y that round to the wanted symbols.
    z : torch.Tensor
        `(Cz, rows/4, cols/4)` int64 symbols on the CPU.
    """

    def __init__(self, model: LoadedModel, layout: Layout, targets: torch.Tensor, z: torch.Tensor) -> None:
        super().__init__(model, layout, targets)
        self.chosen_z = z

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """The refined symbols."""
        rows = batch.rows // ROWS_PER_UNIT
        top = batch.first * self.layout.slice_rows // ROWS_PER_UNIT
        part = self.chosen_z[:, top : top + batch.count * rows]
        self.target = batch.cut(self.latents, self.layout.slice_rows)  # gained already
        return self._keep_z(part.unflatten(1, (batch.count, rows)).movedim(1, 0), tables)


def _per_unit(positions: slice) -> slice:
    return slice(positions.start // ROWS_PER_UNIT, positions.stop // ROWS_PER_UNIT)


@dataclass(frozen=True)
class Span:
    """A stretch of rows or columns of y, in whole units of 64 px: `inner` is wanted, `outer` is worked on."""

    inner: slice
    outer: slice

    @property
    def kept(self) -> slice:
        """`inner` within `outer`."""
        return slice(self.inner.start - self.outer.start, self.inner.stop - self.outer.start)

    @property
    def units(self) -> slice:
        """`inner` in units of 64 px."""
        return _per_unit(self.inner)

    @property
    def kept_units(self) -> slice:
        """`kept` in units of 64 px."""
        return _per_unit(self.kept)


def spans(length: int, at_most: int, whole: int) -> list[Span]:
    """Cut a side into stretches of about equal length, at most `at_most` positions, with margins where one ends.

    `whole` is a length that should not be cut, where it fits at all (a slice's rows).
    """
    whole = whole if whole <= at_most else ROWS_PER_UNIT
    parts = -(-length // at_most)
    size = -(-length // parts)
    size = length if parts == 1 else min(-(-size // whole), at_most // whole) * whole
    cuts = [*range(0, length, size), length]
    return [Span(slice(a, b), slice(max(0, a - MARGIN), min(length, b + MARGIN))) for a, b in pairwise(cuts)]


def windows(layout: Layout) -> Iterator[tuple[Span, Span]]:
    """Rows and columns of every window, each of at most `WINDOW_POSITIONS` without its margin."""
    side = int(WINDOW_POSITIONS**0.5)
    if layout.rows * layout.cols <= WINDOW_POSITIONS:
        side = max(layout.rows, layout.cols)
    for rows in spans(layout.rows, side, layout.slice_rows):
        for cols in spans(layout.cols, side, ROWS_PER_UNIT):
            yield rows, cols


class Window:
    """One window as a differentiable problem: targets of y and z in, bits of J out."""

    def __init__(
        self, model: LoadedModel, layout: Layout, x: torch.Tensor, grey: bool, base_qp16: int, qp16_map: torch.Tensor,
        absent: torch.Tensor, rows: Span, cols: Span,
    ) -> None:  # fmt: skip
        area = (rows.outer, cols.outer)
        top, left = rows.outer.start * PATCH_PX, cols.outer.start * PATCH_PX
        self.model, self.grey, device = model, grey, model.device
        self.x = x[..., top : rows.outer.stop * PATCH_PX, left : cols.outer.stop * PATCH_PX]  # (1, 3, h, w)
        self.qp16 = qp16_map[area][None, None].to(device)  # (1, 1, rows, cols)
        qp_map = self.qp16[:, 0].to(torch.float32) / QP_STEPS
        self.gain, self.inverse = model.net.gains.gain(qp_map), model.net.gains.inverse(qp_map)  # (1, C, rows, cols)
        self.absent = absent[area][None, None].to(device)
        lmbda = torch.exp2((12.0 - qp_map[:, None]) / 3.0) / LAMBDA_CONSTANT * ~self.absent
        self.pixel_weight = F.interpolate(lmbda, scale_factor=PATCH_PX) * 255.0**2  # (1, 1, h, w)
        self.pixel_weight[:, :, max(0, layout.height_px - top) :] = 0
        self.pixel_weight[..., max(0, layout.width_px - left) :] = 0
        present = F.max_pool2d((~self.absent).float(), ROWS_PER_UNIT) > 0  # (1, 1, rows/4, cols/4)
        z_row = torch.from_numpy(model.z_table[base_qp16 // QP_STEPS]).to(device, torch.int64)[:, None, None]
        self.z_tables = torch.where(present, z_row, z_row & ~63)  # (1, Cz, rows/4, cols/4)
        # Contexts stop at slice edges; neighbouring stretches of equal height go through the networks as one batch.
        inside = [cut for cut in range(0, layout.rows, layout.slice_rows) if rows.outer.start < cut < rows.outer.stop]
        cuts = [rows.outer.start, *inside, rows.outer.stop]
        self.stretches = [(h, len(list(same))) for h, same in groupby(b - a for a, b in pairwise(cuts))]
        self.ramps = BitRamps(device)

    def _slices(self, *grids: torch.Tensor, per_unit: int = 1) -> Iterator[list[torch.Tensor]]:
        """Cut `(1, C, rows, cols)` tensors into `(count, C, height, cols)` by slices."""
        top = 0
        for height, count in self.stretches:
            rows = height // per_unit
            yield [g[0, :, top : top + count * rows].unflatten(1, (count, rows)).movedim(1, 0) for g in grids]
            top += count * rows

    def start_z(self, y: torch.Tensor) -> torch.Tensor:
        """`(1, Cz, rows/4, cols/4)` unrounded z of y."""
        net = self.model.net
        parts = [
            net.hyper_analysis(part / net.analysis.latent_std[:, None, None], gained, qp16[:, 0] / QP_STEPS)
            for part, gained, qp16 in self._slices(y, y * self.gain, self.qp16)
        ]
        return torch.cat([z.movedim(0, 1).flatten(1, 2) for z in parts], dim=1)[None]

    def cost(
        self, target: torch.Tensor, z: torch.Tensor, temperature: float = 0.0, *, towards_rate: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Bits of J, and the gained values that would be decoded.

        Parameters
        ----------
        target : torch.Tensor
            `(1, C, rows, cols)` gained y.
        z : torch.Tensor
            `(1, Cz, rows/4, cols/4)`.
        temperature : float
            Of soft rounding; at 0 rounding is real.
        towards_rate : bool
            Round as effort 1 does.
        """
        net, model = self.model.net, self.model
        z_symbols = soft_round(z, temperature).clamp(-MAX_SYMBOL, MAX_SYMBOL) * (self.z_tables % N_SCALES > 0)
        bits = self.ramps(z_symbols, self.z_tables).sum()
        whole = z_symbols + (torch.floor(z_symbols + 0.5) - z_symbols).detach()  # integer networks take integers
        parts = []
        for (wanted, gain, qp16, absent), (z_part,) in zip(
            self._slices(target, self.gain, self.qp16, self.absent), self._slices(whole, per_unit=ROWS_PER_UNIT),
            strict=True,
        ):  # fmt: skip
            features, index16 = net.hyper_decoder(
                z_part.permute(0, 2, 3, 1).to(model.integer_dtype), qp16[:, 0].to(model.integer_dtype)
            )
            qp_map = qp16[:, 0].to(torch.float32) / QP_STEPS
            rounding = _Rounding(
                model, self.ramps, wanted, ~absent, distortion_weight(qp_map, gain), temperature, towards_rate
            )
            y_hat = net.context(features, index16, qp_map, gain, rounding)
            bits = bits + rounding.bits
            parts.append(y_hat.movedim(0, 1).flatten(1, 2))
        y_hat = torch.cat(parts, dim=1)[None]
        shown = net.synthesis(y_hat * self.inverse, self.qp16[:, 0].to(torch.float32) / QP_STEPS)
        if self.grey:
            shown = shown.mean(1, keepdim=True)  # (1, 1, h, w)
        error = (shown.clamp(-0.5, 0.5) - self.x).square().mean(1, keepdim=True)
        return bits + (error * self.pixel_weight).sum(), y_hat


@dataclass
class _Rounding:
    """What the context calls in every pass: rounds softly, counts `bits`. Tensors are `(count, C, height, cols)`."""

    model: LoadedModel
    ramps: BitRamps
    target: torch.Tensor
    present: torch.Tensor
    weight: torch.Tensor
    temperature: float
    towards_rate: bool
    bits: torch.Tensor | float = 0.0

    def __call__(self, mean: torch.Tensor, index16: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        scale_index = round_index(index16.detach()) * (self.present & step)
        tables = scale_index + self.model.y_shape_base[group, None, None]
        residual, weight = self.target[:, group] - mean, self.weight[:, group]
        if self.towards_rate:
            symbols = round_towards_rate(residual, tables, weight)
        else:
            symbols = soft_round(residual, self.temperature)
        symbols = symbols.clamp(-MAX_SYMBOL, MAX_SYMBOL) * (scale_index > 0)
        fraction = symbols - torch.floor(symbols).detach()
        spread = fraction * (1 - fraction) * weight / CAUTION
        index = (index16 * 2.0**-INDEX_EXPONENT).to(torch.float32)
        self.bits = self.bits + (self.ramps(symbols, tables, index) + spread).sum()
        return symbols


@dataclass
class _Found:
    """The best symbols of a window so far, as targets that round to them."""

    cost: float
    target: torch.Tensor
    z: torch.Tensor


def descend(
    window: Window, y: torch.Tensor, schedule: Schedule, progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> _Found:  # fmt: skip
    """Refine one window, starting from its y `(1, C, rows, cols)`."""
    with torch.no_grad():
        target, z = (y * window.gain).clone(), window.start_z(y)
        cost, y_hat = window.cost(target, z, towards_rate=True)
        best = _Found(float(cost), y_hat, torch.floor(z + 0.5))
    target.requires_grad_()
    z.requires_grad_()
    adam = torch.optim.Adam([target, z], lr=schedule.rate, betas=(0.9, 0.99), eps=1e-12)
    idle = 0
    for step in range(schedule.steps):
        check(cancel)
        done = step / schedule.steps
        adam.param_groups[0]["lr"] = schedule.rate * (1 - 0.9 * done)
        adam.zero_grad(set_to_none=True)
        window.cost(target, z, schedule.hot * (schedule.cold / schedule.hot) ** done)[0].backward()
        adam.step()
        if (step + 1) % schedule.check_every and step + 1 < schedule.steps:
            continue
        with torch.no_grad():
            cost, y_hat = window.cost(target, z)
        idle = idle + 1 if float(cost) > best.cost * (1 - LEAST_GAIN) else 0
        if float(cost) < best.cost:
            best = _Found(float(cost), y_hat, torch.floor(z.detach() + 0.5))
        progress((step + 1) / schedule.steps, f"refining: J {best.cost:.0f} bits")
        if idle >= schedule.patience:
            break
    return best


class Refiner:
    """Symbol sources of one picture at every effort; the last refinements are kept.

    A kept refinement also serves other absent positions: what is still present keeps its targets.
    """

    def __init__(self, model: LoadedModel, layout: Layout, picture: Picture) -> None:
        self.model, self.layout, self.picture = model, layout, picture
        self.kept: dict[tuple[int, int, bytes], tuple[torch.Tensor, torch.Tensor]] = {}

    def source(
        self, y: torch.Tensor, base_qp16: int, qp16_map: torch.Tensor, effort: int, progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> FromAnalysis:  # fmt: skip
        """What `codec.tnc.latents.walk` takes its symbols from, at these QPs.

        Parameters
        ----------
        y : torch.Tensor
            `(1, C, rows, cols)` analysis of the picture.
        base_qp16 : int
            Base QP in sixteenths.
        qp16_map : torch.Tensor
            `(rows, cols)` local QPs in sixteenths.
        effort : int
            0, 1, 2 or 3.
        """
        if effort not in SCHEDULES:
            return FromAnalysis(self.model, self.layout, y, effort)
        key = (effort, base_qp16, qp16_map.numpy().tobytes())
        if key not in self.kept:
            while len(self.kept) >= KEPT:
                self.kept.pop(next(iter(self.kept)))
            with span("refine"):
                self.kept[key] = self._refined(y, base_qp16, qp16_map, SCHEDULES[effort], progress, cancel)
        return Refined(self.model, self.layout, *self.kept[key])

    def _refined(
        self, y: torch.Tensor, base_qp16: int, qp16_map: torch.Tensor, schedule: Schedule, progress: Progress,
        cancel: CancelToken | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """Targets of y and symbols of z of the whole picture, window by window."""
        layout = self.layout
        todo = list(windows(layout))
        with (
            torch.inference_mode(False), torch.enable_grad(),
            torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False),
        ):  # fmt: skip
            x, y = to_tensor(self.picture, self.model.device), y.clone()  # not tensors of inference mode
            targets = torch.empty_like(y)
            z = torch.zeros(self.model.config.z_channels, *(n // ROWS_PER_UNIT for n in y.shape[2:]), dtype=torch.int64)
            for i, (rows, cols) in enumerate(todo):
                window = Window(
                    self.model, layout, x, self.picture.color == "grey", base_qp16, qp16_map, layout.outside(), rows,
                    cols,
                )  # fmt: skip
                found = descend(
                    window, y[..., rows.outer, cols.outer], schedule,
                    lambda f, note, i=i: progress((i + f) / len(todo), note), cancel,  # type: ignore[misc]
                )  # fmt: skip
                targets[..., rows.inner, cols.inner] = found.target[..., rows.kept, cols.kept]
                z[:, rows.units, cols.units] = found.z[0, :, rows.kept_units, cols.kept_units].to("cpu", torch.int64)
        return targets, z
