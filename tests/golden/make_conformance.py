"""Write the conformance set: `python -m tests.golden.make_conformance`.

Streams of a tiny frozen model, one per element of the format or combination that decoders get wrong. Once released they
stay: a new element is a new stream, and an old stream is never written again. Those with over-fitted blocks need the
bases that ship: where these are replaced, run this again, which renews those streams alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace

import google_crc32c
import numpy as np
import torch
from PIL import Image, ImageCms

from codec.conformance import BASE, TracingSource, covered, folder
from codec.conformance_set import MANIFEST, MODEL
from codec.files import write_picture
from codec.picture import Picture
from codec.stream import Section, encode_analysis, read_stream, write_stream
from codec.stream.header import StreamHeader, pack_header
from codec.stream.sections import ANCILLARY, SectionType
from codec.tnc.decoder import decode_parsed
from codec.tnc.encoder import ImageEncoder
from codec.tnc.inr.api import InrBranch
from codec.tnc.inr.base import load_base
from codec.tnc.models import LoadedModel, load_file
from codec.tnc.settings import EncodeSettings
from tests.golden.cases import TINY_FILE
from tests.golden.make_golden import synthetic


@dataclass(frozen=True)
class Recipe:
    """How one stream is made."""

    height_px: int
    width_px: int
    qp: float
    grey: bool = False
    depth: int = 8
    alpha: bool = False
    qp_map: str = ""
    slice_units: int = 3
    metadata: bool = False
    foreign: bool = False
    longer_header: bool = False
    branch: str = "vae"
    force: tuple[tuple[int, int, str], ...] = ()
    iterations: int | None = None


RECIPES = {
    "rgb": Recipe(96, 80, 30),
    "grey": Recipe(64, 80, 27.0625, grey=True),
    "one_pixel": Recipe(1, 1, 24),
    "one_row": Recipe(1, 300, 30),
    "one_column": Recipe(300, 1, 30),
    "odd": Recipe(33, 70, 32),
    "finest": Recipe(64, 64, 0),
    "fine": Recipe(64, 64, 6),
    "coarsest": Recipe(64, 128, 63),
    "sixteenths": Recipe(64, 64, 33.4375),
    "qp_map_ramp": Recipe(90, 96, 31, qp_map="ramp"),
    "qp_map_noise": Recipe(130, 110, 31, qp_map="noise"),
    "qp_map_clamped": Recipe(64, 96, 60, qp_map="extreme"),
    "slices": Recipe(270, 64, 34.5, slice_units=1),
    "last_slice_lower": Recipe(260, 40, 36),
    "slice_of_all": Recipe(260, 40, 36, slice_units=255),
    "tiles": Recipe(330, 530, 34),
    "alpha": Recipe(70, 90, 30, alpha=True),
    "alpha_grey": Recipe(40, 50, 30, grey=True, alpha=True),
    "bits_16": Recipe(70, 90, 22, depth=16),
    "bits_16_grey_alpha": Recipe(40, 50, 22, grey=True, depth=16, alpha=True),
    "bits_10": Recipe(64, 64, 22, depth=10),
    "metadata": Recipe(48, 48, 30, metadata=True),
    "unknown_ancillary": Recipe(48, 48, 30, foreign=True),
    "longer_header": Recipe(48, 48, 30, longer_header=True),
    "inr": Recipe(40, 50, 30, branch="inr", iterations=60),
    "inr_grey_odd": Recipe(37, 71, 34.5, grey=True, branch="inr", iterations=60, qp_map="ramp"),
    "inr_start_only": Recipe(64, 64, 27, branch="inr", iterations=0),
    "inr_blocks": Recipe(256, 270, 36, branch="inr", iterations=30),
    "inr_shared": Recipe(270, 256, 33, branch="inr", iterations=60),
    "mixed": Recipe(256, 256, 33, force=((0, 0, "inr"), (0, 1, "vae")), iterations=30),
    "mixed_high": Recipe(400, 200, 30, depth=16, alpha=True, force=((1, 0, "inr"), (0, 0, "vae")), iterations=30),
}


def source_of(recipe: Recipe, seed: int) -> Picture:
    """The picture that is coded."""
    picture = synthetic(recipe.height_px, recipe.width_px, grey=recipe.grey, seed=seed)
    if recipe.depth > 8:
        peak = (1 << recipe.depth) - 1
        rng = np.random.default_rng(seed)
        deep = [
            (p.astype(np.int64) * peak // 255 + rng.integers(-40, 41, p.shape)).clip(0, peak) for p in picture.planes
        ]
        picture = replace(picture, planes=tuple(p.astype(np.uint16) for p in deep), bit_depth=recipe.depth)
    if recipe.alpha:
        rows, cols = np.mgrid[: recipe.height_px, : recipe.width_px]
        disc = np.clip(0.5 + (recipe.height_px / 2.2 - np.hypot(rows - recipe.height_px / 2, cols - 30)) / 4, 0, 1)
        noise = np.random.default_rng(seed).random(disc.shape) * (rows > 0.8 * recipe.height_px)
        alpha = np.clip(disc + noise, 0, 1) * picture.peak
        picture = replace(picture, alpha=alpha.astype(picture.planes[0].dtype))
    if recipe.metadata:
        exif = Image.Exif()
        exif[0x010F] = "conformance"
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        picture = replace(picture, icc=icc, exif=exif.tobytes())
    return picture


def offsets_of(recipe: Recipe, seed: int) -> np.ndarray | None:
    """The QP map."""
    shape = -(-recipe.height_px // 16), -(-recipe.width_px // 16)
    if recipe.qp_map == "ramp":
        return np.tile(np.linspace(-6, 6, shape[1]).round().astype(int), (shape[0], 1))
    if recipe.qp_map == "noise":
        return np.random.default_rng(seed).integers(-32, 32, shape)
    if recipe.qp_map == "extreme":
        return np.where(np.indices(shape).sum(0) % 2, 31, -32)
    return None


def finished(stream: bytes, recipe: Recipe) -> bytes:
    """Give a stream what encoders of today do not write."""
    parsed = read_stream(stream)
    sections = list(parsed.sections)
    if recipe.metadata:
        sections.insert(
            0, Section(SectionType.ANALYSIS, encode_analysis({"note": "shown, never needed", "list": [1, 2]}))
        )
    if recipe.foreign:
        sections = [Section(ANCILLARY | 0x7F, b"first"), *sections, Section(ANCILLARY | 0x40, bytes(300))]
    stream = write_stream(parsed.header, sections)
    return _longer(stream, parsed.header) if recipe.longer_header else stream


def _longer(stream: bytes, header: StreamHeader) -> bytes:
    """Nine bytes more in the header, as of a later writer."""
    plain = len(pack_header(header, 0))
    head = stream[: plain - 4] + b"new field"
    head = head[:5] + bytes([head[5] + 9]) + head[6:]
    return head + google_crc32c.value(head).to_bytes(4, "little") + stream[plain:]


def make_one(
    name: str, recipe: Recipe, seed: int, model: LoadedModel, inr: InrBranch
) -> tuple[bytes, Picture, dict[str, object]]:
    """Stream, picture and entry of the manifest."""
    encoder = ImageEncoder(source_of(recipe, seed), model=model, slice_units=recipe.slice_units)
    settings = EncodeSettings(
        qp=recipe.qp, qp_map=offsets_of(recipe, seed), analysis=False, branch=recipe.branch, force_blocks=recipe.force,
        inr_iterations=recipe.iterations,
    )  # fmt: skip
    result = encoder.encode(settings, inr=inr)
    stream = finished(result.stream, recipe)
    parsed = read_stream(stream)
    source = TracingSource(parsed.slices)
    picture = decode_parsed(parsed, model, source=source, inr=inr)
    symbols, tables = source.hashes()
    extra = [
        *(["longer header"] if recipe.longer_header else []),
        *([f"QP map: {recipe.qp_map}"] if recipe.qp_map else []),
    ]
    entry: dict[str, object] = {
        "name": name, "bytes": len(stream), "sha256": hashlib.sha256(stream).hexdigest(), "symbols": symbols,
        "tables": tables, "covers": list(covered(parsed, lambda: extra)),
    }  # fmt: skip
    return stream, picture, entry


def main() -> None:
    """Write everything."""
    place = folder()
    place.mkdir(exist_ok=True)
    shutil.copyfile(TINY_FILE, place / MODEL)
    model, inr = load_file(place / MODEL, torch.device("cpu")), InrBranch(load_base(place / BASE))
    manifest = place / MANIFEST
    old = {e["name"]: e for e in json.loads(manifest.read_text())["streams"]} if manifest.exists() else {}
    entries = []
    for seed, (name, recipe) in enumerate(RECIPES.items()):
        if name in old:
            entries.append(old[name])
            continue
        stream, picture, entry = make_one(name, recipe, seed, model, inr)
        (place / f"{name}.tnc").write_bytes(stream)
        write_picture(_storable(picture), place / f"{name}.png")
        entries.append(entry)
        print(name, len(stream), entry["covers"])
    text = json.dumps({"format": "tnc-conformance-1", "model": MODEL, "streams": entries}, indent=1)
    manifest.write_text(text + "\n")


def _storable(picture: Picture) -> Picture:
    """PNG knows 8 and 16 bits: other depths are stored as they are, in samples of 16."""
    return picture if picture.bit_depth in (8, 16) else replace(picture, bit_depth=16)


if __name__ == "__main__":
    main()
