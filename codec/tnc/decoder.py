"""The still decoder: a parsed stream and a model to a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from codec.errors import InputError, ModelError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.quality import QP_STEPS
from codec.stream import (
    Branches,
    DecodeLimits,
    ParsedStream,
    SectionType,
    StreamHeader,
    decode_alpha,
    decode_qp_map,
    read_stream,
)
from codec.tnc.blocks import absent_positions, block_qp16, paste
from codec.tnc.inr_codec import InrCodec, installed_inr
from codec.tnc.latents import FromStream, SymbolSource, walk_bands
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel, load_by_id, pick_device
from codec.tnc.profile import span
from codec.tnc.seams import filter_seams
from codec.tnc.second_synthesis import for_decoder
from codec.tnc.settings import DECODERS
from codec.tnc.tensors import to_picture, to_samples
from codec.tnc.tiles import SMALLEST_TILE_PX, TILE_PX, Tile, check_tile, synthesise


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
    device: torch.device | None = None, tile_px: int = TILE_PX,
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
    tile_px : int
        Side of the tiles in which pixels are made. Symbols do not depend on it, and samples differ by 1 at most.
    """
    header, branches = parsed.header, parsed.branches
    check_tile(tile_px)
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
    canvas = Canvas(header, whole=branches is not None, device=device)
    with networks():
        if branches is None or not branches.inr_only:
            if model is None:
                raise ModelError("the stream needs a model, and none was given", where="decoder")
            symbols = source or FromStream(parsed.slices)
            bands = walk_bands(model, layout, base, qp16_map, absent, symbols, cancel)
            for tile, pixels in synthesise(model, layout, qp16_map, bands, tile_px, cancel):
                canvas.put(tile, pixels)
                progress(share * tile.rows.stop / layout.rows, "synthesis")
        if branches is not None:
            x = canvas.pixels
            check(cancel)
            progress(share, "over-fitted blocks")
            with span("inr"):
                blocks = _inr_pixels(parsed, branches, qp16_map, inr or installed_inr(), device, cancel)
            paste(x, header.split, branches.inr, blocks)
            filter_seams(x, header.split, branches.inr, branches.seam_strength, base)
    alpha = parsed.payload(SectionType.ALPHA)
    return replace(
        canvas.picture(), icc=parsed.payload(SectionType.ICC) or b"", exif=parsed.payload(SectionType.EXIF) or b"",
        alpha=None if alpha is None else decode_alpha(alpha, header.height_px, header.width_px, header.bit_depth),
    )  # fmt: skip


class Canvas:
    """Collects the tiles of a picture.

    Parameters
    ----------
    whole : bool
        Keep unrounded pixels of the whole picture in one tensor, `pixels`, because something else works on them;
        otherwise every tile is rounded at once.
    """

    def __init__(self, header: StreamHeader, *, whole: bool, device: torch.device) -> None:
        self._header = header
        self._grey = header.color == "grey"
        if whole:
            # Not `empty`: what no branch covers must not be left to chance.
            self.pixels = torch.zeros(1, 3, *header.padded_size_px, device=device)
        dtype = np.uint8 if header.bit_depth == 8 else np.uint16
        count = 0 if whole else 1 if self._grey else 3
        self._planes = [np.empty((header.height_px, header.width_px), dtype) for _ in range(count)]

    def put(self, tile: Tile, pixels: torch.Tensor) -> None:
        """Take the pixels `(3, h, w)` of a tile."""
        rows, cols = tile.window
        if not self._planes:
            self.pixels[0, :, rows, cols] = pixels.to(self.pixels)
            return
        samples = to_samples(pixels, grey=self._grey, bit_depth=self._header.bit_depth)
        for plane, part in zip(self._planes, samples, strict=True):
            area = plane[rows, cols]
            area[...] = part[: area.shape[0], : area.shape[1]]

    def picture(self) -> Picture:
        """Make the finished picture."""
        header = self._header
        if not self._planes:
            return to_picture(
                self.pixels, header.height_px, header.width_px, grey=self._grey, name="", icc=b"", exif=b"",
                bit_depth=header.bit_depth,
            )  # fmt: skip
        return Picture(tuple(self._planes), "grey" if self._grey else "rgb", header.bit_depth)


def _inr_pixels(
    parsed: ParsedStream, branches: Branches, qp16_map: torch.Tensor, inr: InrCodec, device: torch.device,
    cancel: CancelToken | None,
) -> list[torch.Tensor]:  # fmt: skip
    blocks = [block for block in parsed.header.split.blocks if branches.inr[block.index]]
    return inr.decode_blocks(
        parsed.inr_blocks, parsed.payload(SectionType.INR_SHARED) or b"", [block.size_px for block in blocks],
        [block_qp16(qp16_map, block) for block in blocks], base_id=branches.base_id, device=device, cancel=cancel,
    )  # fmt: skip


def model_of(parsed: ParsedStream, device: torch.device, decoder: str = DECODERS[0]) -> LoadedModel | None:
    """Load the model that a stream names, with the synthesis wanted; None if it is over-fitted throughout."""
    if parsed.branches is not None and parsed.branches.inr_only:
        return None
    return for_decoder(load_by_id(parsed.header.entropy_id, parsed.header.synthesis_id, device), decoder)


def decode_image(
    stream: bytes, *, device: str = "auto", limits: DecodeLimits | None = None,
    progress: Progress = no_progress, cancel: CancelToken | None = None, inr: InrCodec | None = None,
    tile_px: int = TILE_PX, decoder: str = DECODERS[0],
) -> Picture:  # fmt: skip
    """Decode a TNC stream.

    Where memory runs out, smaller tiles are tried, then the CPU; the picture's `notes` say so.

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
    tile_px : int
        Side of the tiles in which pixels are made.
    decoder : str
        "psnr", or "perceptual": the same symbols, shown by a synthesis that was trained for the eye.

    Returns
    -------
    Picture
        Grey or RGB of the depth that the stream says, with alpha if it has one.
    """
    progress(0.0, "reading")
    parsed = read_stream(stream, limits or DecodeLimits())
    picture = decode_frugally(
        parsed, device, progress=progress, cancel=cancel, inr=inr, tile_px=tile_px, decoder=decoder
    )
    progress(1.0, "done")
    return picture


def decode_frugally(
    parsed: ParsedStream, device: str = "auto", *, progress: Progress = no_progress,
    cancel: CancelToken | None = None, inr: InrCodec | None = None, tile_px: int = TILE_PX,
    source: Callable[[], SymbolSource] | None = None, decoder: str = DECODERS[0],
) -> Picture:  # fmt: skip
    """Decode a parsed stream, with smaller tiles and at last on the CPU where memory runs out.

    Parameters
    ----------
    source : callable, optional
        Makes a source of symbols for every attempt; the stream's slices by default.
    """
    notes: list[str] = []

    def attempt(place: torch.device, tile_px: int) -> Picture | None:
        try:
            return decode_parsed(
                parsed, model_of(parsed, place, decoder), cancel, progress, source() if source else None, inr=inr,
                device=place, tile_px=tile_px,
            )  # fmt: skip
        except (torch.OutOfMemoryError, MemoryError):
            pass
        except RuntimeError as error:
            if not any(text in str(error).lower() for text in ("not enough memory", "out of memory")):
                raise
        notes.append(f"memory ran out on {place.type} with tiles of {tile_px} px")
        progress(0.0, notes[-1])
        return None

    chosen = pick_device(device)
    places = [chosen] if chosen.type == "cpu" else [chosen, torch.device("cpu")]
    sizes = [tile_px, *(size for size in (1024, 512, SMALLEST_TILE_PX) if size < tile_px)]
    for place in places:
        for size in sizes:
            picture = attempt(place, size)
            if picture is not None:
                if notes:
                    notes.append(f"decoded on {place.type} with tiles of {size} px")
                return replace(picture, notes=tuple(notes))
            if place.type == "cuda":
                torch.cuda.empty_cache()
    raise InputError(
        f"{parsed.header.width_px}x{parsed.header.height_px} px need more memory than there is", where="decoder"
    )
