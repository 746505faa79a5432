"""The still decoder: a parsed stream and a model to a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from codec.errors import BitstreamError, ModelError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.quality import QP_STEPS
from codec.stream import Branches, DecodeLimits, ParsedStream, SectionType, decode_qp_map, read_stream
from codec.tnc.blocks import absent_positions, block_qp16, paste
from codec.tnc.inr_codec import InrCodec, installed_inr
from codec.tnc.latents import FromStream, SymbolSource, walk
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel, load_by_id, pick_device
from codec.tnc.profile import span
from codec.tnc.seams import filter_seams
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
    parsed: ParsedStream, model: LoadedModel | None, cancel: CancelToken | None = None,
    progress: Progress = no_progress, source: SymbolSource | None = None, *, inr: InrCodec | None = None,
    device: torch.device | None = None,
) -> Picture:  # fmt: skip
    """Decode a parsed stream.

    Parameters
    ----------
    model : LoadedModel or None
        The model that the stream names; None for a stream that is over-fitted throughout and names none.
    source : SymbolSource, optional
        Where symbols of the VAE come from; the stream's slices by default.
    inr : InrCodec, optional
        Decoder of over-fitted blocks; the one that ships by default.
    device : torch.device, optional
        Where over-fitted blocks are decoded; that of the model by default, and the CPU without one.
    """
    header, branches = parsed.header, parsed.branches
    if header.bit_depth != 8:
        raise BitstreamError(f"{header.bit_depth} bits per sample cannot be decoded here", section="header")
    layout = Layout(header.height_px, header.width_px, header.slice_units)
    coded_map = parsed.payload(SectionType.QP_MAP)
    offsets = None if coded_map is None else decode_qp_map(coded_map, *header.qp_map_shape)
    base = round(header.qp * QP_STEPS)
    qp16_map = layout.spread_qp_map(base, offsets)
    absent = layout.outside()
    if branches is not None:
        absent = absent_positions(layout, header.split, branches.inr, branches.guard)
    device = device or (model.device if model else torch.device("cpu"))
    share = 1.0 if branches is None else 0.5
    with networks():
        if branches is not None and branches.inr_only:
            x = torch.zeros(1, 3, header.height_px, header.width_px, device=device)
        elif model is None:
            raise ModelError("the stream needs a model, and none was given", where="decoder")
        else:
            y_hat = walk(model, layout, base, qp16_map, absent, source or FromStream(parsed.slices), cancel)
            check(cancel)
            progress(0.5 * share, "synthesis")
            with span("synthesis"):
                x = model.net.synthesis(y_hat, qp16_map[None].to(model.device, torch.float32) / QP_STEPS)
        if branches is not None:
            check(cancel)
            progress(share, "over-fitted blocks")
            with span("inr"):
                pixels = _inr_pixels(parsed, branches, qp16_map, inr or installed_inr(), device, cancel)
            paste(x, header.split, branches.inr, pixels)
            filter_seams(x, header.split, branches.inr, branches.seam_strength, base)
    return to_picture(
        x, header.height_px, header.width_px, grey=header.color == "grey", name="",
        icc=parsed.payload(SectionType.ICC) or b"", exif=parsed.payload(SectionType.EXIF) or b"",
    )  # fmt: skip


def _inr_pixels(
    parsed: ParsedStream, branches: Branches, qp16_map: torch.Tensor, inr: InrCodec, device: torch.device,
    cancel: CancelToken | None,
) -> list[torch.Tensor]:  # fmt: skip
    blocks = [block for block in parsed.header.split.blocks if branches.inr[block.index]]
    return inr.decode_blocks(
        parsed.inr_blocks, parsed.payload(SectionType.INR_SHARED) or b"", [block.size_px for block in blocks],
        [block_qp16(qp16_map, block) for block in blocks], base_id=branches.base_id, device=device, cancel=cancel,
    )  # fmt: skip


def model_of(parsed: ParsedStream, device: torch.device) -> LoadedModel | None:
    """Load the model that a stream names; None if it is over-fitted throughout."""
    if parsed.branches is not None and parsed.branches.inr_only:
        return None
    return load_by_id(parsed.header.entropy_id, parsed.header.synthesis_id, device)


def decode_image(
    stream: bytes, *, device: str = "auto", limits: DecodeLimits | None = None,
    progress: Progress = no_progress, cancel: CancelToken | None = None, inr: InrCodec | None = None,
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
    inr : InrCodec, optional
        Decoder of over-fitted blocks; the one that ships by default.

    Returns
    -------
    Picture
        8-bit grey or RGB.
    """
    progress(0.0, "reading")
    parsed = read_stream(stream, limits or DecodeLimits())
    place = pick_device(device)
    picture = decode_parsed(parsed, model_of(parsed, place), cancel, progress, inr=inr, device=place)
    progress(1.0, "done")
    return picture
