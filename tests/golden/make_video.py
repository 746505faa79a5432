"""Write the conformance set of video.

    python -m tests.golden.make_video          # streams that are not there yet; what is there stays as it is
    python -m tests.golden.make_video --anew   # model and all streams: after a change of format or arithmetic

The tiny model is random, but every layer does something, and symbols spread over many tables.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import google_crc32c
import numpy as np
import torch

from codec.conformance_set import MANIFEST, MODEL
from codec.entropy import SymbolEncoder
from codec.entropy.range_coder import MAX_SYMBOL
from codec.quality import QP_STEPS
from codec.stream.sections import ANCILLARY, Section, SectionType, pack_section, section_bounds
from codec.stream.video import FrameType, VideoReader, VideoWriter
from codec.stream.video.header import VideoHeader, pack_video_header
from codec.tcm.checksum import planes_checksum
from codec.tcm.config import TINY_INTER, TINY_KEY
from codec.tcm.conformance import folder, frame_hash
from codec.tcm.decoder import decode_video
from codec.tcm.encoder import encode_video
from codec.tcm.frame_encoder import FrameEncoder
from codec.tcm.info import inspect_video
from codec.tcm.latents import gather, reconstruct, scatter, walk
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.model import TcmNet
from codec.tcm.models import TcmModel, load_file
from codec.tcm.motion.field import FAR, INTRA, KEPT, NEAR, REFERENCES, VECTOR_REACH, MotionField
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.references import Pictures
from codec.tcm.planes import Planes
from codec.tcm.settings import VideoEncodeSettings
from codec.tcm.side import FrameSide
from codec.tcm.side_coding import SideCoder, SideInfo
from codec.tcm.weights import KINDS, export_tensors, write_tensors
from codec.video.frame import ColorTags, VideoFormat
from tests.golden.clips import SyntheticClip

SEED = 21


@dataclass(frozen=True)
class Recipe:
    """How one stream is made."""

    width_px: int
    height_px: int
    frames: int
    qp: float = 30
    scene: str = "pan"
    depth: int = 8
    lookahead: LookaheadSettings = field(default_factory=lambda: LookaheadSettings(scenecut=0))
    key_offset: float = 0
    keep_interval: int = 8
    effort: int = 0
    checksums: bool = True
    analysis: bool = False
    color: ColorTags = field(default_factory=ColorTags)
    fps: Fraction = Fraction(25)
    how: str = ""
    """What encoders do not write: "bare", "foreign", "longer header", "random sides", "wild symbols"."""

    @property
    def format(self) -> VideoFormat:
        return VideoFormat(self.width_px, self.height_px, self.depth, self.fps, self.color)


def groups_of(frames: int) -> LookaheadSettings:
    return LookaheadSettings(key_min=frames, key_max=frames, scenecut=0)


ADAPTIVE = LookaheadSettings(aq=1, cutree=1, noise=1, scenecut=0)
RECIPES = {
    "pan": Recipe(150, 110, 5, effort=1),
    "bits_10": Recipe(96, 64, 4, depth=10, qp=24, fps=Fraction(60000, 1001)),
    "one_frame": Recipe(64, 48, 1),
    "one_pixel": Recipe(1, 1, 3),
    "one_row": Recipe(200, 1, 3),
    "one_column": Recipe(1, 130, 3),
    "odd": Recipe(67, 35, 4, qp=27, color=ColorTags(1, 1, 1, True, 2)),
    "odd_10": Recipe(35, 67, 3, depth=10, qp=33),
    "two_groups": Recipe(90, 70, 7, lookahead=groups_of(4)),
    "key_frames_only": Recipe(64, 64, 3, lookahead=groups_of(1)),
    "scene_cut": Recipe(128, 96, 6, scene="cut", lookahead=LookaheadSettings(key_min=1)),
    "offsets": Recipe(200, 130, 5, scene="objects", lookahead=ADAPTIVE, analysis=True, effort=2),
    "still": Recipe(130, 70, 3, scene="still"),
    "objects": Recipe(192, 128, 5, scene="objects", qp=34, effort=1),
    "finest": Recipe(64, 64, 2, qp=0, scene="objects"),
    "coarsest": Recipe(96, 96, 3, qp=63),
    "key_offset": Recipe(80, 64, 3, qp=31.4375, key_offset=-2.5),
    "no_checksums": Recipe(64, 64, 4, checksums=False, lookahead=groups_of(3)),
    "bare": Recipe(48, 48, 5, lookahead=groups_of(3), how="bare"),
    "foreign": Recipe(64, 64, 3, how="foreign"),
    "longer_header": Recipe(64, 64, 2, how="longer header"),
    "long_group": Recipe(16, 16, 132, scene="jitter", qp=36),
    "kept_frames": Recipe(96, 96, 9, scene="objects", keep_interval=3, effort=2),
    "random_sides": Recipe(200, 140, 6, depth=10, how="random sides"),
    "wild_symbols": Recipe(128, 64, 4, how="wild symbols"),
}


def random_nets() -> tuple[TcmNet, TcmNet]:
    """Networks of key and P frames, started from a transform of synthetic pictures and then disturbed."""
    torch.manual_seed(SEED)
    clip = SyntheticClip(VideoFormat(128, 128), "pan", 2, 0)
    first, second = (Planes.from_frame(frame) for frame in clip.read())
    nets = []
    for config, samples in ((TINY_KEY, first.patches() - 512), (TINY_INTER, second.patches() - first.patches())):
        net = TcmNet(config)
        net.start_from_dct(samples[None] / 1024)
        with torch.no_grad():
            for name, p in net.named_parameters():
                if name.startswith(("analysis.", "hyper_analysis.")):
                    continue
                if "leave" in name or ".mean." in name or ".index." in name or "condition" in name:
                    p.add_(torch.randn_like(p) * 0.01)
                elif name.endswith((".weight1", ".identity")) or (name.endswith(".bias") and "index16" not in name):
                    p.add_(torch.randn_like(p) * 0.05)
            net.hyper_decoder.index16.weight.normal_(0, 0.4)
        nets.append(net)
    return nets[0], nets[1]


def write_model(path: Path) -> None:
    """Write the model, with other shapes of its distributions than those that encoders choose today."""
    nets, rng = dict(zip(KINDS, random_nets(), strict=True)), np.random.default_rng(SEED)
    parts = {kind: export_tensors(net) for kind, net in nets.items()}
    for tensors in parts.values():
        for name in ("y_shape", "z_shape"):
            tensors[name] = torch.from_numpy(rng.integers(2, 12, len(tensors[name]), np.uint8))
    write_tensors({kind: net.config for kind, net in nets.items()}, parts, path)


def make_stream(recipe: Recipe, seed: int, model: TcmModel) -> bytes:
    """The stream of a recipe."""
    source = SyntheticClip(recipe.format, recipe.scene, recipe.frames, seed)
    if recipe.how in ("random sides", "wild symbols"):
        return random_stream(source, recipe, seed, model)
    settings = VideoEncodeSettings(
        qp=recipe.qp, lookahead=recipe.lookahead, key_offset=recipe.key_offset,
        keep_interval=recipe.keep_interval, effort=recipe.effort,
        checksums=recipe.checksums, analysis=recipe.analysis,
    )  # fmt: skip
    with TemporaryDirectory() as place:
        path = Path(place) / "a.tcm"
        encode_video(source, path, settings, model=model, device="cpu")
        stream = path.read_bytes()
    return finished(stream, recipe.how)


def finished(stream: bytes, how: str) -> bytes:
    """Give a stream what our encoder does not write."""
    header, body = VideoReader(stream).header, VideoReader(stream).body_offset
    if how == "bare":
        sections = stream[body : header.index_offset]
        return pack_video_header(replace(header, body_bytes=len(sections), index_offset=0)) + sections
    if how == "foreign":
        sections, at = b"", body
        while at < len(stream):
            end = section_bounds(stream, at)[1] + 4
            sections += pack_section(Section(ANCILLARY | 0x7F, bytes(200))) + stream[at:end]
            at = end
        sections += pack_section(Section(ANCILLARY | 0x40, b"last"))
        return pack_video_header(replace(header, body_bytes=len(sections), index_offset=0)) + sections
    if how == "longer header":
        index = pack_section(Section(SectionType.INDEX, bytes([1, 0, body + 9])))
        sections = stream[body : header.index_offset] + index
        moved = replace(header, body_bytes=len(sections), index_offset=header.index_offset + 9)
        head = pack_video_header(moved)[:-4] + b"new field"
        head = head[:5] + bytes([head[5] + 9]) + head[6:]
        return head + google_crc32c.value(head).to_bytes(4, "little") + sections
    return stream


def random_motion(rng: np.random.Generator, rows: int, cols: int, references: tuple[int, ...]) -> MotionField:
    """Leaves of every size, mode and reference, with short and long vectors; `rows` and `cols` of cells."""
    size, mode, ref = (np.zeros((rows, cols), np.uint8) for _ in range(3))
    vectors = {known: np.zeros((rows, cols, 2), np.int16) for known in REFERENCES}

    def grow(top: int, left: int, level: int) -> None:
        side = 1 << (level - 3)
        if level > 3 and rng.random() < 0.6:
            for child in range(4):
                grow(top + child // 2 * side // 2, left + child % 2 * side // 2, level - 1)
            return
        here = np.s_[top : top + side, left : left + side]
        size[here], mode[here] = level, rng.random() < 0.25
        reach = rng.choice([2, 9, 40, 300, VECTOR_REACH])
        if mode[top, left]:
            return
        for used in rng.choice(references, rng.integers(1, min(2, len(references)) + 1), replace=False):
            ref[here] |= np.uint8(used)
            if rng.random() < 0.7:
                vectors[int(used)][here] = rng.integers(-reach, reach + 1, 2)

    for top in range(0, rows, 8):
        for left in range(0, cols, 8):
            grow(top, left, 6)
    return MotionField(size, mode, vectors[NEAR], ref, vectors[FAR], vectors[KEPT])


def random_stream(source: SyntheticClip, recipe: Recipe, seed: int, model: TcmModel) -> bytes:
    """A stream of frames whose side information, and for "wild symbols" the rest too, is drawn at random."""
    rng, file = np.random.default_rng(seed), io.BytesIO()
    header = VideoHeader(source.format, round(recipe.qp * QP_STEPS), model.entropy_id, model.synthesis_id)
    writer = VideoWriter(file, header)
    sides, pictures, memory = None, Pictures(), None
    for number, frame in enumerate(source.read()):
        key = number % 4 == 0
        current = Planes.from_frame(frame)
        rows, cols = (side // 16 for side in current.size_px)
        sides = sides or SideCoder(rows, cols)
        motion = None if key else random_motion(rng, 2 * rows, 2 * cols, (NEAR, *sides.chains.to))
        if number == 5:  # one without inter leaves
            none = np.zeros_like(motion.vectors)
            mode = np.full_like(motion.mode, INTRA)
            motion = replace(
                motion, mode=mode, ref=np.zeros_like(mode), vectors=none, far_vectors=none, kept_vectors=none
            )
        coded = np.ones((rows, cols), bool) if key else rng.random((rows, cols)) < 0.6
        if number == 1:
            coded[:, :4] = False  # whole units without symbols
        offsets = rng.integers(-32, 32, (rows, cols)) * (rng.random((rows, cols)) < 0.3)
        base_qp16 = int(rng.integers(0, 1009)) if number % 2 else header.base_qp16
        qp16_map = torch.from_numpy(np.clip(base_qp16 + QP_STEPS * offsets, 0, 1008))
        prediction = None if key else predict(pictures.of(sides.chains), motion)
        known = FrameSide(base_qp16, qp16_map, coded, motion)
        memory = None if key else memory
        kept = number % 4 == 2
        side = sides.encode(SideInfo(motion, coded, offsets.astype(np.int8)), kept=kept).payload
        if recipe.how == "random sides":
            latents = FrameEncoder(model.of(key=key), current, prediction, known, memory, 0).encode(coded)
            payload, reference, memory = latents.payload, latents.reconstruction, latents.memory
        else:
            source_, frame_model = WildSymbols(rng), model.of(key=key)
            decoded = walk(frame_model, prediction, known, memory, source_)
            payload, memory = source_.encoder.finish(), decoded.memory
            reference = reconstruct(frame_model, decoded, prediction, known)
        memory = None if key else memory
        kind = FrameType.KEY if key else FrameType.P
        checksum = planes_checksum(reference)
        pictures.push(reference, key=key, kept=kept)
        writer.add_frame(kind, side, payload, base_qp16=base_qp16, checksum=checksum, kept=kept)
    writer.finish()
    return file.getvalue()


class WildSymbols:
    """Symbols of any size, so that every clamp and escape is met."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.encoder = rng, SymbolEncoder()

    def _draw(self, tables: np.ndarray) -> np.ndarray:
        wild = np.rint(self.rng.standard_cauchy(tables.shape) * self.rng.choice([1, 30, 2000], tables.shape[-1]))
        symbols = (np.clip(wild, -MAX_SYMBOL, MAX_SYMBOL) * (tables % 64 != 0)).astype(np.int32)
        self.encoder.encode(symbols.ravel(), tables.ravel())
        return symbols

    def z_symbols(self, tables: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self._draw(tables)).long()

    def y_symbols(self, mean16: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        return scatter(self._draw(gather(tables, step)), step, mean16)


def covered(stream: bytes, recipe: Recipe) -> list[str]:
    """Elements of the format, for the manifest."""
    info = inspect_video(stream, frames=True)
    found = [f"{recipe.depth} bit", *(f"{frame.type} frames" for frame in info.frames)]
    found += [str(section["name"]) for section in info.sections]
    found += ["skipped blocks"] * any(frame.skipped > 0 for frame in info.frames)
    found += ["intra leaves"] * any(frame.type == "P" and frame.intra > 0 for frame in info.frames)
    found += ["several groups"] * (len(info.key_frames) > 1)
    found += [recipe.how] * bool(recipe.how)
    return list(dict.fromkeys(found))


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anew", action="store_true", help="write the model and every stream again")
    anew = parser.parse_args().anew
    torch.set_num_threads(1)  # analysis is float: what it finds may depend on threads, what a decoder makes of it not
    place = folder()
    place.mkdir(exist_ok=True)
    if anew or not (place / MODEL).exists():
        write_model(place / MODEL)
    model = load_file(place / MODEL, torch.device("cpu"))
    manifest = place / MANIFEST
    old = {} if anew else {entry["name"]: entry for entry in json.loads(manifest.read_text())["streams"]}
    entries = []
    for seed, (name, recipe) in enumerate(RECIPES.items()):
        if name not in old:
            stream = make_stream(recipe, seed, model)
            (place / f"{name}.tcm").write_bytes(stream)
            old[name] = {
                "name": name, "bytes": len(stream), "sha256": hashlib.sha256(stream).hexdigest(),
                "frames": [frame_hash(decoded.frame) for decoded in decode_video(stream, model=model, device="cpu")],
                "covers": covered(stream, recipe),
            }  # fmt: skip
            print(name, len(stream), old[name]["covers"], flush=True)
        entries.append(old[name])
    text = json.dumps({"format": "tcm-conformance-1", "model": MODEL, "streams": entries}, indent=1)
    manifest.write_text(text + "\n")


if __name__ == "__main__":
    main()
