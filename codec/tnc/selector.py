"""Which blocks are over-fitted: by true J, of each block alone and then of the whole picture.

Every candidate is judged by the bytes that it would be written with and the picture that its decoder shows: guard ring,
absent latents and filtered seams included. The two pure choices are among the candidates, so that the outcome is never
worse than the better of them, unless a fit gave up a block that would have won in the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from codec.errors import SettingsError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.quality import QP_STEPS, lmbda_of_qp
from codec.stream import Branches, Split, read_stream, split
from codec.stream.branches import MAX_GUARD, MAX_SEAM_STRENGTH
from codec.tnc.blocks import absent_positions, block_qp16, paste, patches
from codec.tnc.coded import BlockCost, Chosen, Coded
from codec.tnc.config import PATCH_PX
from codec.tnc.decoder import networks
from codec.tnc.inr_codec import FittedBlock, InrCodec
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel
from codec.tnc.seams import filter_seams
from codec.tnc.settings import EncodeSettings
from codec.tnc.tensors import to_picture

FIRST_GUARD = 1
CLOSE = 0.03
"""Blocks whose two costs lie closer than this share are tried the other way round, in the whole picture."""
ANCILLARY_OF_BLOCK_BYTES = 8
"""Type, length and checksum of the section of a block."""

Recode = Callable[[torch.Tensor], Coded]
"""Codes the VAE branch again with these positions absent."""
Write = Callable[[Coded | None, Chosen | None], bytes]
"""Writes a stream without ancillary sections."""
BlockReport = Callable[[int, dict[int, float]], None]
"""`report(iteration, costs)`: present J of the blocks that are being over-fitted, by number."""


def no_report(iteration: int, costs: dict[int, float]) -> None:
    """Ignore a report."""


@dataclass(frozen=True, eq=False)
class Selection:
    """The outcome: None instead of a choice if the VAE codes the whole picture."""

    chosen: Chosen | None
    costs: tuple[BlockCost, ...]
    j: float
    inr_bit_maps: Mapping[int, np.ndarray]


def costs_to_json(selection: Selection) -> dict[str, object]:
    """What the ancillary analysis says of the choice."""
    rounded = [{"bits": round(c.bits), "j_vae": _rounded(c.j_vae), "j_inr": _rounded(c.j_inr)} for c in selection.costs]
    return {"blocks": rounded, "j": _rounded(selection.j)}


def _rounded(j: float | None) -> float | None:
    return None if j is None else round(j, 5)


@dataclass(frozen=True, eq=False)
class _Candidate:
    j: float
    chosen: Chosen | None


class Selector:
    """Choice of the branches of one picture at one QP.

    Parameters
    ----------
    coded : Coded
        The whole picture by the VAE.
    recode, write : callable
        From the encoder.
    """

    def __init__(
        self, picture: Picture, model: LoadedModel, settings: EncodeSettings, qp: float, coded: Coded, inr: InrCodec,
        recode: Recode, write: Write,
    ) -> None:  # fmt: skip
        self.picture, self.model, self.settings, self.inr = picture, model, settings, inr
        self.qp, self.coded, self.recode, self.write = qp, coded, recode, write
        self.layout = Layout(picture.height_px, picture.width_px)
        self.split: Split = split(picture.height_px, picture.width_px)
        self.lmbda = lmbda_of_qp(qp)
        samples = np.asarray(picture.rgb, np.float32) * np.float32(255.0 / picture.peak)
        self.rgb = torch.from_numpy(samples).permute(2, 0, 1)  # (3, H, W), 0..255
        self.weight = self._weights()
        self.forced = self._forced()

    def _forced(self) -> dict[int, bool]:
        """Blocks whose branch is fixed: True for INR."""
        fixed = {} if self.settings.branch != "vae" else dict.fromkeys(range(self.split.count), False)
        if self.settings.branch == "inr":
            fixed = dict.fromkeys(range(self.split.count), True)
        for row, col, *rest in self.settings.force_blocks:
            branch = rest[0]
            if row >= self.split.rows or col >= self.split.cols:
                raise SettingsError(
                    f"there is no block {row},{col}: the picture has {self.split.rows} rows of {self.split.cols}"
                )
            fixed[row * self.split.cols + col] = branch == "inr"
        return fixed

    def _weights(self) -> torch.Tensor | None:
        """`(H, W)` lambda of every pixel relative to that of the base QP; None where all are equal."""
        local = self.coded.qp16_map.float() / QP_STEPS
        if bool((local == self.qp).all()):
            return None
        lmbda = torch.exp2((self.qp - local) / 3.0)
        full = lmbda.repeat_interleave(PATCH_PX, 0).repeat_interleave(PATCH_PX, 1)
        return full[: self.picture.height_px, : self.picture.width_px]

    def _error(self, x: torch.Tensor) -> torch.Tensor:
        """`(H, W)` weighted squared error of a decoded tensor, mean over colours, in code values."""
        grey = self.picture.color == "grey"
        shown = to_picture(x, self.picture.height_px, self.picture.width_px, grey=grey, name="", icc=b"", exif=b"")
        error = (torch.from_numpy(np.array(shown.rgb)).permute(2, 0, 1).float() - self.rgb).square().mean(0)
        return error if self.weight is None else error * self.weight

    def _synthesis(self, coded: Coded) -> torch.Tensor:
        with networks():
            qp_map = coded.qp16_map[None].to(self.model.device, torch.float32) / QP_STEPS
            x: torch.Tensor = self.model.net.synthesis(coded.y_hat, qp_map)
        return x.clone()  # out here: blocks are pasted into it

    def _bytes(self, chosen: Chosen | None, coded: Coded | None) -> int:
        return read_stream(self.write(coded, chosen)).rd_bytes

    def run(
        self, *, progress: Progress = no_progress, cancel: CancelToken | None = None, stop: CancelToken | None = None,
        report: BlockReport = no_report,
    ) -> Selection:  # fmt: skip
        """Fit what has to be tried, and choose.

        Parameters
        ----------
        stop : CancelToken, optional
            Ends the fit early; the choice is then made among what there is.
        report : callable
            Receives the iteration and the present J of the blocks at work, by number.
        """
        x = self._synthesis(self.coded)
        error = self._error(x)
        y_bits, z_bits = self.coded.source.bit_maps()
        bits = torch.from_numpy(y_bits + z_bits)
        blocks = self.split.blocks
        vae_bits = [float(bits[patches(b)].sum()) for b in blocks]
        vae_j = [
            self.lmbda * float(error[b.window].mean()) + rate / b.pixels
            for b, rate in zip(blocks, vae_bits, strict=True)
        ]
        start = self.lmbda * float(error.mean()) + 8.0 * self._bytes(None, self.coded) / self.picture.pixels
        best = _Candidate(start, None)
        tried = [b.index for b in blocks if self.forced.get(b.index, self.settings.tries_inr)]
        fitted, shared = self._fit(tried, vae_j, progress, cancel, stop, report)
        check(cancel)
        inr_bits = {i: 8.0 * (len(f.payload) + ANCILLARY_OF_BLOCK_BYTES) for i, f in fitted.items()}
        inr_j = {i: self._block_j(i, f, inr_bits[i]) for i, f in fitted.items()}

        def evaluate(inr: tuple[bool, ...], guards: Sequence[int]) -> _Candidate:
            check(cancel)
            return self._evaluate(inr, guards, fitted, shared)

        wanted = tuple(self.forced.get(i, i in inr_j and inr_j[i] < vae_j[i]) for i in range(len(blocks)))
        pure = tuple(self.forced.get(i, i in fitted) for i in range(len(blocks)))
        floor = tuple(self.forced.get(i, False) for i in range(len(blocks)))
        if any(floor):
            best = evaluate(floor, [FIRST_GUARD])  # the VAE alone is not allowed
        for inr in dict.fromkeys((wanted, pure)):
            if any(inr) and inr != floor:
                best = min(best, evaluate(inr, [FIRST_GUARD]), key=lambda c: c.j)
        best = self._toggle(best, evaluate, vae_j, inr_j, floor)
        if best.chosen is not None and not best.chosen.branches.inr_only:
            others = [guard for guard in range(MAX_GUARD + 1) if guard != FIRST_GUARD]
            best = min(best, evaluate(best.chosen.branches.inr, others), key=lambda c: c.j)
        costs = tuple(
            BlockCost(
                b.row, b.col, "inr" if here else "vae", inr_bits[b.index] if here else vae_bits[b.index],
                vae_j[b.index], inr_j.get(b.index), dict(fitted[b.index].bits) if here else {},
            )
            for b, here in zip(blocks, self._choice(best), strict=True)
        )  # fmt: skip
        bit_maps = {i: f.bit_map for i, f in fitted.items() if self._choice(best)[i]}
        return Selection(best.chosen, costs, best.j, bit_maps)

    def _choice(self, candidate: _Candidate) -> tuple[bool, ...]:
        return candidate.chosen.branches.inr if candidate.chosen else (False,) * self.split.count

    def _fit(
        self, tried: list[int], vae_j: list[float], progress: Progress, cancel: CancelToken | None,
        stop: CancelToken | None, report: BlockReport,
    ) -> tuple[dict[int, FittedBlock], bytes]:  # fmt: skip
        """Fitted blocks by number, and what they share."""
        if not tried:
            return {}, b""
        windows = [self.split.blocks[i].window for i in tried]
        qps16 = [block_qp16(self.coded.qp16_map, self.split.blocks[i]) for i in tried]
        weights: list[torch.Tensor | None] = [None] * len(tried)
        if self.weight is not None:
            own = [lmbda_of_qp(qp16 / QP_STEPS) / self.lmbda for qp16 in qps16]
            weights = [self.weight[window] / share for window, share in zip(windows, own, strict=True)]
        # A forced block has nothing to beat, and where others are forced the rest is compared at the end.
        limits = [np.inf if self.forced.get(i) else vae_j[i] for i in tried]
        begun = time.perf_counter()

        def with_estimate(fraction: float, note: str) -> None:
            left_s = (time.perf_counter() - begun) * (1.0 / fraction - 1.0) if fraction else 0.0
            progress(fraction, f"{note}, about {left_s:.0f} s left")

        result = self.inr.fit_blocks(
            [self.rgb[:, *window] / 255.0 - 0.5 for window in windows], [qp16 / QP_STEPS for qp16 in qps16], weights,
            self.inr.FitOptions(iterations=self.settings.iterations), device=self.model.device, give_up_j=limits,
            progress=with_estimate, cancel=_Either(cancel, stop),
            report=lambda iteration, costs: report(iteration, dict(zip(tried, costs, strict=True))),
        )  # fmt: skip
        return {i: f for i, f in zip(tried, result.blocks, strict=True) if f is not None}, result.shared

    def _block_j(self, index: int, fitted: FittedBlock, bits: float) -> float:
        block = self.split.blocks[index]
        shown = ((fitted.pixels.cpu() + 0.5) * 255.0 + 0.5).floor().clamp(0, 255)
        if self.picture.color == "grey":
            shown = ((fitted.pixels.cpu().mean(0, keepdim=True) + 0.5) * 255.0 + 0.5).floor().clamp(0, 255)
        error = (shown - self.rgb[:, *block.window]).square().mean(0)
        if self.weight is not None:
            error = error * self.weight[block.window]
        return self.lmbda * float(error.mean()) + bits / block.pixels

    def _evaluate(
        self, inr: tuple[bool, ...], guards: Sequence[int], fitted: dict[int, FittedBlock], shared: bytes
    ) -> _Candidate:
        """Best of some guards and all strengths of the seam filter for one choice of blocks."""
        payloads = tuple(fitted[i].payload for i, here in enumerate(inr) if here)
        pixels = [fitted[i].pixels for i, here in enumerate(inr) if here]
        results = []
        for guard in [0] if all(inr) else guards:
            branches = Branches(inr, self.inr.default_base_id(), guard)
            if all(inr):
                coded = None
                x = torch.zeros(1, 3, self.picture.height_px, self.picture.width_px)
            else:
                coded = self.recode(absent_positions(self.layout, self.split, inr, guard))
                x = self._synthesis(coded)
            paste(x, self.split, inr, pixels)
            rate = 8.0 * self._bytes(Chosen(branches, shared, payloads, coded), coded) / self.picture.pixels
            for strength in range(MAX_SEAM_STRENGTH + 1):
                shown = x.clone()
                filter_seams(shown, self.split, inr, strength, round(self.qp * QP_STEPS))
                j = self.lmbda * float(self._error(shown).mean()) + rate
                with_seams = replace(branches, seam_strength=strength)
                results.append(_Candidate(j, Chosen(with_seams, shared, payloads, coded)))
        return min(results, key=lambda c: c.j)

    def _toggle(
        self, best: _Candidate, evaluate: Callable[[tuple[bool, ...], Sequence[int]], _Candidate], vae_j: list[float],
        inr_j: dict[int, float], floor: tuple[bool, ...],
    ) -> _Candidate:  # fmt: skip
        """Turn blocks over whose costs are close: guard, seams and neighbours may decide otherwise."""
        close = {
            i: abs(j - vae_j[i]) for i, j in inr_j.items() if i not in self.forced and abs(j / vae_j[i] - 1.0) < CLOSE
        }
        for i in sorted(close, key=close.__getitem__):
            choice = self._choice(best)
            other = (*choice[:i], not choice[i], *choice[i + 1 :])
            if any(other) and other != floor:
                best = min(best, evaluate(other, [FIRST_GUARD]), key=lambda c: c.j)
        return best


class _Either(CancelToken):
    """Raised as soon as one of two tokens is."""

    def __init__(self, *tokens: CancelToken | None) -> None:
        super().__init__()
        self.tokens = [token for token in tokens if token is not None]

    @property
    def cancelled(self) -> bool:
        """Whether any was cancelled."""
        return super().cancelled or any(token.cancelled for token in self.tokens)
