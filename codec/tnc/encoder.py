"""The still encoder: analysis once, then any number of real streams or previews at other QPs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import torch

from codec.aq.features import BlockFeatures, analyse
from codec.aq.maps import aq_maps
from codec.aq.offsets import AqOffsets, aq_offsets
from codec.blockmap import BlockMap
from codec.errors import SettingsError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.quality import QP_STEPS, lmbda_of_qp, snap_qp
from codec.stream import (
    Section,
    SectionType,
    StreamHeader,
    bits_by_kind,
    encode_alpha,
    encode_analysis,
    encode_branches,
    encode_qp_map,
    read_stream,
    write_stream,
)
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN
from codec.tnc.coded import Chosen, Coded
from codec.tnc.config import PATCH_PX
from codec.tnc.decoder import decode_parsed, networks
from codec.tnc.inr_codec import InrCodec, installed_inr
from codec.tnc.latents import FromAnalysis, walk
from codec.tnc.layout import DEFAULT_SLICE_UNITS, ROWS_PER_UNIT, Layout, padded
from codec.tnc.maps import branch_maps, grid_of, inr_bit_map, latent_energy_map, qp_block_map, quality_maps, rate_maps
from codec.tnc.models import LoadedModel, load_by_name, pick_device
from codec.tnc.profile import span
from codec.tnc.rate_control import find_qp, missed_by
from codec.tnc.refine import Refiner
from codec.tnc.results import EncodeResult, Preview
from codec.tnc.selector import BlockReport, Selection, Selector, costs_to_json, no_report
from codec.tnc.settings import EncodeSettings, checked_offsets
from codec.tnc.tensors import check_picture, to_picture
from codec.tnc.tiles import latents_of

HYBRID_ATTEMPTS = 4
"""QPs that are tried where over-fitted blocks miss a target."""


@dataclass(frozen=True, eq=False)
class _Outcome:
    """A stream without ancillary analysis, and what it is made of."""

    qp: float
    coded: Coded | None
    chosen: Chosen | None
    selection: Selection | None
    stream: bytes


class ImageEncoder:
    """Encoder of one picture. The analysis runs once, in the constructor.

    Parameters
    ----------
    picture : Picture
        Grey or RGB, at most 16384 px a side; alpha is coded losslessly. More than 8 bits per sample are coded at the
        model's precision and decoded to as many bits.
    model : str or LoadedModel
        "small", "main" or "default", or a model that is already loaded.
    device : str
        "auto", "cpu" or "cuda".
    slice_units : int
        Height of a slice in units of 64 px, 1..255.
    """

    def __init__(
        self, picture: Picture, *, model: str | LoadedModel = "default", device: str = "auto",
        slice_units: int = DEFAULT_SLICE_UNITS, progress: Progress = no_progress, cancel: CancelToken | None = None,
    ) -> None:  # fmt: skip
        check_picture(picture)
        progress(0.0, "loading the model")
        self.picture = picture
        self.model = model if isinstance(model, LoadedModel) else load_by_name(model, pick_device(device))
        start = time.perf_counter()
        self.layout = Layout(picture.height_px, picture.width_px, slice_units)
        check(cancel)
        progress(0.1, "analysing")
        with networks(), span("analysis"):
            self.y = latents_of(self.model, picture, self.layout, cancel=cancel)  # (1, C, rows, cols)
        self._alpha = [] if picture.alpha is None else [Section(SectionType.ALPHA, encode_alpha(picture.alpha))]
        self.analysis_s = time.perf_counter() - start
        self.refiner = Refiner(self.model, self.layout, picture)
        self._features: BlockFeatures | None = None

    def _header(self, qp: float) -> StreamHeader:
        return StreamHeader(
            width_px=self.picture.width_px, height_px=self.picture.height_px,
            color="grey" if self.picture.color == "grey" else "rgb", qp=qp,
            entropy_id=self.model.entropy_id, synthesis_id=self.model.synthesis_id,
            slice_units=self.layout.slice_units, bit_depth=self.picture.bit_depth,
        )  # fmt: skip

    def _offsets(self, qp_map: np.ndarray | None) -> np.ndarray | None:
        """Check a QP map against the picture; all zeros are no map."""
        if qp_map is None:
            return None
        grid = grid_of(self.picture)
        offsets = checked_offsets(qp_map)
        if offsets.shape != grid:
            raise SettingsError(f"the QP map has {offsets.shape} entries, the picture needs {grid} (rows, columns)")
        return offsets if offsets.any() else None

    def _aq(self, settings: EncodeSettings) -> AqOffsets | None:
        """Adaptive QP as asked for; the picture is measured on first use."""
        if not settings.aq:
            return None
        if self._features is None:
            self._features = analyse(self.picture)
        return aq_offsets(self._features, settings.aq, settings.aq_scales)

    def offsets(self, settings: EncodeSettings) -> np.ndarray | None:
        """QP offsets that travel: the hand-made map plus adaptive QP, clamped; None where all are zero."""
        offsets, aq = self._offsets(settings.qp_map), self._aq(settings)
        if aq is None:
            return offsets
        total = aq.values.astype(np.int16) + (0 if offsets is None else offsets)
        return self._offsets(np.clip(total, OFFSET_MIN, OFFSET_MAX))

    def _code(
        self, qp: float, offsets: np.ndarray | None, effort: int, cancel: CancelToken | None,
        absent: torch.Tensor | None = None, *, progress: Progress = no_progress,
    ) -> Coded:  # fmt: skip
        base = round(qp * QP_STEPS)
        qp16_map = self.layout.spread_qp_map(base, offsets)
        absent = self.layout.outside() if absent is None else absent
        source = self.refiner.source(self.y, base, qp16_map, effort, progress, cancel)
        with networks():
            y_hat = walk(self.model, self.layout, base, qp16_map, absent, source, cancel)
        return Coded(source, source.payloads(), qp16_map, absent, y_hat)

    def _write(
        self, qp: float, offsets: np.ndarray | None, coded: Coded | None, chosen: Chosen | None = None,
        analysis: dict[str, object] | None = None,
    ) -> bytes:  # fmt: skip
        """A stream of the VAE branch, or of both (`chosen`), or of over-fitted blocks alone (`coded` is None)."""
        sections = []
        if offsets is not None:
            sections.append(Section(SectionType.QP_MAP, encode_qp_map(offsets)))
        if chosen is not None:
            sections.append(Section(SectionType.BRANCHES, encode_branches(chosen.branches)))
            if chosen.shared:
                sections.append(Section(SectionType.INR_SHARED, chosen.shared))
        sections += self._alpha
        sections += [Section(SectionType.SLICE, payload) for payload in (coded.payloads if coded else ())]
        if chosen is not None:
            sections += [Section(SectionType.INR_BLOCK, payload) for payload in chosen.payloads]
        if self.picture.icc:
            sections.append(Section(SectionType.ICC, self.picture.icc))
        if self.picture.exif:
            sections.append(Section(SectionType.EXIF, self.picture.exif))
        if analysis is not None:
            sections.append(Section(SectionType.ANALYSIS, encode_analysis(analysis)))
        header = self._header(qp)
        if coded is None:
            header = replace(header, entropy_id=bytes(4), synthesis_id=bytes(4))
        return write_stream(header, sections)

    def _outcome(
        self, settings: EncodeSettings, qp: float, offsets: np.ndarray | None, inr: InrCodec | None,
        progress: Progress, cancel: CancelToken | None, stop: CancelToken | None, report: BlockReport,
    ) -> _Outcome:  # fmt: skip
        """Code at one QP; where over-fitted blocks miss a target that the VAE alone met, at another one."""
        share, first_qp = (0.1 if settings.needs_inr else 0.4), qp
        for attempt in range(HYBRID_ATTEMPTS):
            coded: Coded | None = self._code(
                qp, offsets, settings.effort, cancel, progress=lambda f, note: progress(0.3 + share * f, note)
            )
            if not settings.needs_inr:
                return _Outcome(qp, coded, None, None, self._write(qp, offsets, coded))
            selector = Selector(
                self.picture, self.model, settings, qp, cast(Coded, coded), inr or installed_inr(),
                partial(self._code, qp, offsets, settings.effort, cancel), partial(self._write, qp, offsets),
            )  # fmt: skip
            selection = selector.run(
                progress=lambda f, note: progress(0.4 + 0.3 * f, note), cancel=cancel, stop=stop, report=report
            )
            chosen = selection.chosen
            coded = chosen.coded if chosen else coded
            stream = self._write(qp, offsets, coded, chosen)
            miss = missed_by(settings, self.picture, stream, lambda s: self._decoded(s, cancel, inr)) if chosen else 0.0
            if not miss:
                return _Outcome(qp, coded, chosen, selection, stream)
            if stop is not None and stop.cancelled:
                break
            qp = snap_qp(qp + miss)
            progress(0.3, f"QP {qp:g}, attempt {attempt + 2}")
        alone = replace(settings, branch="vae", inr_iterations=None)
        if settings.branch == "auto" and not alone.needs_inr:
            return self._outcome(alone, first_qp, offsets, inr, progress, cancel, None, report)
        raise SettingsError(
            "the target cannot be met with over-fitted blocks", hint="--branch vae meets it, and so does a QP by hand"
        )

    def _decoded(self, stream: bytes, cancel: CancelToken | None, inr: InrCodec | None = None) -> Picture:
        return decode_parsed(read_stream(stream), self.model, cancel, inr=inr)

    def encode(
        self, settings: EncodeSettings, *, progress: Progress = no_progress, cancel: CancelToken | None = None,
        stop: CancelToken | None = None, report: BlockReport = no_report, inr: InrCodec | None = None,
    ) -> EncodeResult:  # fmt: skip
        """Write a real stream and decode it again.

        Parameters
        ----------
        cancel : CancelToken, optional
            Gives the encode up.
        stop : CancelToken, optional
            Ends over-fitting early; what there is then becomes a stream all the same.
        report : callable
            Receives the iteration and the present J of the blocks that are being over-fitted.
        inr : InrCodec, optional
            Coder of over-fitted blocks; the one that ships by default.

        Raises
        ------
        SettingsError
            If the settings contradict the picture, or a target cannot be reached.
        Cancelled
            If `cancel` was raised.
        """
        start = time.perf_counter()
        offsets = self.offsets(settings)
        progress(0.3, "coding")
        qp = settings.fixed_qp
        if qp is None:
            qp = find_qp(
                settings, self.picture,
                lambda q, effort: self._write(q, offsets, self._code(q, offsets, effort, cancel)),
                lambda stream: self._decoded(stream, cancel), progress,
            )  # fmt: skip
        outcome = self._outcome(settings, qp, offsets, inr, progress, cancel, stop, report)
        qp, selection, coded = outcome.qp, outcome.selection, outcome.coded
        y_bits, z_bits = coded.source.bit_maps() if coded else np.zeros((2, self.layout.rows, self.layout.cols))
        stream = outcome.stream
        if settings.analysis:
            seconds = time.perf_counter() - start
            analysis = self._analysis(y_bits, z_bits, seconds) | (costs_to_json(selection) if selection else {})
            with_analysis = self._write(qp, offsets, coded, outcome.chosen, analysis)
            if settings.target_bytes is None or len(with_analysis) <= settings.target_bytes:
                stream = with_analysis  # else the picture comes first
        encode_s = time.perf_counter() - start + self.analysis_s
        check(cancel)
        progress(0.7, "decoding what was written")
        start = time.perf_counter()
        with span("decode"):
            parsed = read_stream(stream)
            reconstruction = decode_parsed(parsed, self.model, cancel, inr=inr)
        decode_s = time.perf_counter() - start
        maps = self._maps(settings, outcome, offsets, y_bits, z_bits, reconstruction)
        progress(1.0, "done")
        return EncodeResult(
            stream, reconstruction, qp, lmbda_of_qp(qp), self.model.config.name, encode_s,
            decode_s, parsed.rd_bytes, bits_by_kind(parsed.infos), maps,
            selection.costs if selection else (),
        )  # fmt: skip

    def _maps(
        self, settings: EncodeSettings, outcome: _Outcome, offsets: np.ndarray | None, y_bits: np.ndarray,
        z_bits: np.ndarray, reconstruction: Picture,
    ) -> dict[str, BlockMap]:  # fmt: skip
        rows, cols = grid = grid_of(self.picture)
        selection, coded = outcome.selection, outcome.coded
        inr_bits = None if selection is None else inr_bit_map(self.picture, selection.inr_bit_maps)
        maps = rate_maps(y_bits[:rows, :cols], z_bits[:rows, :cols], inr_bits)
        qp16_map = self.layout.spread_qp_map(round(outcome.qp * QP_STEPS), offsets)
        maps["qp"] = qp_block_map(qp16_map.numpy()[:rows, :cols])
        if coded is not None:
            maps["latent_energy"] = latent_energy_map([symbols for symbols, _ in coded.source.y], grid)
        maps |= quality_maps(self.picture, reconstruction, maps["bits"].values, outcome.qp)
        if selection is not None:
            maps |= branch_maps(self.picture, selection.costs)
        aq = self._aq(settings)
        return maps | ({} if aq is None else aq_maps(aq))

    def _analysis(self, y_bits: np.ndarray, z_bits: np.ndarray, seconds: float) -> dict[str, object]:
        """What travels for the curious: bits of 64x64 blocks by element, and timings. A decoder never needs it."""

        def by_unit(bits: np.ndarray) -> list[list[int]]:
            rows, cols = (n // ROWS_PER_UNIT for n in bits.shape)
            return bits.reshape(rows, ROWS_PER_UNIT, cols, ROWS_PER_UNIT).sum((1, 3)).round().astype(int).tolist()

        return {
            "block_px": PATCH_PX * ROWS_PER_UNIT, "y_bits": by_unit(y_bits), "z_bits": by_unit(z_bits),
            "analysis_ms": round(self.analysis_s * 1000), "coding_ms": round(seconds * 1000),
        }  # fmt: skip

    def preview(
        self, qp: float, *, qp_map: np.ndarray | None = None, window: tuple[int, int, int, int] | None = None,
        cancel: CancelToken | None = None,
    ) -> Preview:  # fmt: skip
        """Estimate what a QP would give, without a stream.

        Parameters
        ----------
        window : tuple of int, optional
            Top, left, height and width in pixels; only this part is computed, grown to whole 64-px units. The picture
            returned covers exactly the window. Near the window's edges it may differ a little from a real decode.
        """
        qp = snap_qp(qp)
        offsets = self._offsets(qp_map)
        full = self.layout.spread_qp_map(round(qp * QP_STEPS), offsets)
        top, left, height, width = window or (0, 0, self.picture.height_px, self.picture.width_px)
        height, width = min(height, self.picture.height_px - top), min(width, self.picture.width_px - left)
        if min(top, left) < 0 or min(height, width) <= 0:
            raise SettingsError("the preview window lies outside the picture")
        unit = PATCH_PX * ROWS_PER_UNIT
        row0, col0 = top // unit * ROWS_PER_UNIT, left // unit * ROWS_PER_UNIT
        layout = Layout(padded(top + height) - row0 * PATCH_PX, padded(left + width) - col0 * PATCH_PX)
        area = (slice(row0, row0 + layout.rows), slice(col0, col0 + layout.cols))
        qp16_map, absent = full[area], self.layout.outside()[area]
        source = FromAnalysis(self.model, layout, self.y[(..., *area)])
        with networks():
            y_hat = walk(self.model, layout, round(qp * QP_STEPS), qp16_map, absent, source, cancel)
            check(cancel)
            x = self.model.net.synthesis(y_hat, qp16_map[None].to(y_hat.device, torch.float32) / QP_STEPS)
        x = x[:, :, top - row0 * PATCH_PX :, left - col0 * PATCH_PX :]
        grey = self.picture.color == "grey"
        picture = to_picture(
            x, height, width, grey=grey, name=self.picture.name, icc=self.picture.icc, exif=b"",
            bit_depth=self.picture.bit_depth,
        )  # fmt: skip
        y_bits, z_bits = source.bit_maps()
        rows_px = min(layout.rows * PATCH_PX, self.picture.height_px - row0 * PATCH_PX)
        cols_px = min(layout.cols * PATCH_PX, self.picture.width_px - col0 * PATCH_PX)
        bpp = float(y_bits.sum() + z_bits.sum()) / (rows_px * cols_px)
        inside = np.s_[
            top // PATCH_PX - row0 : -(-(top + height) // PATCH_PX) - row0,
            left // PATCH_PX - col0 : -(-(left + width) // PATCH_PX) - col0,
        ]
        maps = rate_maps(y_bits[inside], z_bits[inside]) | {"qp": qp_block_map(qp16_map.numpy()[inside])}
        return Preview(picture, bpp, qp, maps)
