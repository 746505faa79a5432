"""One encode and decode of an anchor, measured: a `Run`."""

from __future__ import annotations

import time
from dataclasses import fields, replace

from codec.anchors.base import Anchor, Codec
from codec.anchors.cache import RunCache
from codec.anchors.video.base import Clip
from codec.errors import AnchorError
from codec.jobs import CancelToken, check
from codec.metrics.measure import measure
from codec.picture import Picture
from codec.run import CodedRun, Run, run_key
from codec.stream import encode_alpha


def anchor_key(codec: Codec, source: Picture | Clip, quality: float) -> str:
    """Key of a run before it is made."""
    return run_key(codec.id, source.source_hash, codec.settings(quality), codec.versions())


def run_anchor(
    anchor: Anchor,
    picture: Picture,
    quality: float,
    *,
    cancel: CancelToken | None = None,
    cache: RunCache | None = None,
) -> Run:
    """Encode, decode and measure; or take the run from the cache, or out of its archive.

    Anchors code no transparency: that of the picture is added to what they show, and its lossless bytes to their
    size, so that they compare with a codec that codes it.

    Returns
    -------
    Run
        Its `metrics` hold `quality`, `bytes` (as RD figures count it, container included), `bpp`, `psnr_rgb_db`,
        `psnr_y_db`, `ms_ssim` (left out for small pictures), `encode_s` and `decode_s` (of programs from their start).
    """
    if cache is not None and (known := _known(anchor, picture, quality, cache, cancel)) is not None:
        return known
    started = time.perf_counter()
    stream = anchor.encode(picture, quality, cancel=cancel)
    encoded = time.perf_counter()
    decoded = anchor.decode(stream, cancel=cancel)
    done = time.perf_counter()
    if (decoded.width_px, decoded.height_px, decoded.color) != (picture.width_px, picture.height_px, picture.color):
        raise AnchorError(
            f"decoded to {decoded.width_px}x{decoded.height_px} {decoded.color} "
            f"instead of {picture.width_px}x{picture.height_px} {picture.color}",
            where=anchor.label,
        )
    check(cancel)
    size = anchor.rd_bytes(stream) + (0 if picture.alpha is None else len(encode_alpha(picture.alpha)))
    metrics = {"quality": float(quality), "bytes": float(size), "bpp": 8 * size / picture.pixels}
    metrics |= {name: value for name, value in measure(picture, decoded).items() if value is not None}
    metrics |= {"encode_s": encoded - started, "decode_s": done - encoded}
    run = Run(
        codec=anchor.id,
        label=anchor.label,
        source_hash=picture.source_hash,
        settings=anchor.settings(quality),
        versions=anchor.versions(),
        stream=stream,
        reconstruction=_shown(decoded, anchor, picture),
        metrics=metrics,
    )
    if cache is not None:
        cache.keep(run, anchor.settings_text, picture)
    return run


def decoded_again(anchor: Anchor, run: CodedRun, picture: Picture, cancel: CancelToken | None = None) -> Run:
    """A run of the picture with what its stream decodes to."""
    shown = _shown(anchor.decode(run.stream, cancel=cancel), anchor, picture)
    return Run(**{one.name: getattr(run, one.name) for one in fields(CodedRun)}, reconstruction=shown)


def _shown(decoded: Picture, anchor: Anchor, picture: Picture) -> Picture:
    """What an anchor shows, with what it does not code: profile and transparency of the source."""
    return replace(decoded, name=anchor.label, icc=picture.icc, alpha=picture.alpha)


def _known(anchor: Anchor, picture: Picture, quality: float, cache: RunCache, cancel: CancelToken | None) -> Run | None:
    key = anchor_key(anchor, picture, quality)
    if (known := cache.get(key)) is not None:
        return known
    run = cache.recall(key, lambda data: anchor.decode(data, cancel=cancel))
    if run is None:
        return None
    run = replace(run, label=anchor.label, reconstruction=_shown(run.reconstruction, anchor, picture))
    cache.put(run)
    return run
