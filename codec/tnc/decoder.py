"""The still decoder: a parsed stream and a model to a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from codec.errors import BitstreamError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.quality import QP_STEPS
from codec.stream import DecodeLimits, ParsedStream, SectionType, decode_qp_map, read_stream
from codec.tnc.latents import FromStream, SymbolSource, walk
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel, load_by_id, pick_device
from codec.tnc.profile import span
from codec.tnc.tensors import to_picture


@contextlib.contextmanager
def networks() -> Iterator[None]:
    """Conditions under which networks run: no gradients and no autocast.

    No global switch is touched: the integer layers work in float64, which no precision setting of the host (TF32,
    bfloat16 products) reaches, and for the float networks such settings stay far below one code value.
    """
    with torch.inference_mode(), torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
        yield


def decode_parsed(
    parsed: ParsedStream, model: LoadedModel, cancel: CancelToken | None = None, progress: Progress = no_progress,
    source: SymbolSource | None = None,
) -> Picture:  # fmt: skip
    """Decode a parsed stream with the model that it names; symbols come from its slices unless a source is given."""
    header = parsed.header
    if header.bit_depth != 8:
        raise BitstreamError(f"{header.bit_depth} bits per sample cannot be decoded here", section="header")
    layout = Layout(header.height_px, header.width_px, header.slice_units)
    coded_map = parsed.payload(SectionType.QP_MAP)
    offsets = None if coded_map is None else decode_qp_map(coded_map, *header.qp_map_shape)
    base = round(header.qp * QP_STEPS)
    qp16_map = layout.spread_qp_map(base, offsets)
    with networks():
        y_hat = walk(model, layout, base, qp16_map, layout.outside(), source or FromStream(parsed.slices), cancel)
        check(cancel)
        progress(0.5, "synthesis")
        with span("synthesis"):
            x = model.net.synthesis(y_hat, qp16_map[None].to(model.device, torch.float32) / QP_STEPS)
    return to_picture(
        x, header.height_px, header.width_px, grey=header.color == "grey", name="",
        icc=parsed.payload(SectionType.ICC) or b"", exif=parsed.payload(SectionType.EXIF) or b"",
    )  # fmt: skip


def decode_image(
    stream: bytes, *, device: str = "auto", limits: DecodeLimits | None = None,
    progress: Progress = no_progress, cancel: CancelToken | None = None,
) -> Picture:  # fmt: skip
    """Decode a TNC stream.

    Parameters
    ----------
    stream : bytes
        Any bytes; whatever is not a valid stream raises a `BitstreamError`.
    device : str
        "auto", "cpu" or "cuda".
    limits : DecodeLimits, optional
        What a stream may ask for; checked before anything is allocated.

    Returns
    -------
    Picture
        8-bit grey or RGB.
    """
    progress(0.0, "reading")
    parsed = read_stream(stream, limits or DecodeLimits())
    model = load_by_id(parsed.header.entropy_id, parsed.header.synthesis_id, pick_device(device))
    picture = decode_parsed(parsed, model, cancel, progress)
    progress(1.0, "done")
    return picture
