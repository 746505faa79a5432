"""A seeded run of damaged streams of video: `python -m tests.fuzz.video --count 20000 --seed 1`.

*Plain* damage must be noticed, or be in sections that decoding can do without; *signed* damage, under checksums that
match, may give any picture within the limits, or one error; *salvaged* streams, of either kind, must give frames in
order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import google_crc32c
import numpy as np
import torch

from codec.errors import CodecError
from codec.stream import DecodeLimits
from codec.stream.sections import Section, SectionType, pack_section
from codec.stream.tree import stream_tree
from codec.stream.video import FrameType
from codec.stream.video.frames import pack_frame, unpack_frame
from codec.stream.video.header import HEADER_BYTES
from codec.tcm.conformance import MODEL, folder, frame_hash, read_manifest
from codec.tcm.decoder import VideoDecoder
from codec.tcm.info import inspect_video, side_maps
from codec.tcm.models import TcmModel, load_file
from tests.fuzz.mutate import Findings, plain_damage, run_and_report, split

LIMITS = DecodeLimits(
    max_width_px=512, max_height_px=512, max_pixels=1 << 16, max_slice_bytes=1 << 16, max_ancillary_bytes=1 << 14
)
LARGEST_FRAMES = 8
"""Frames of the streams that are damaged: each costs milliseconds."""
FIELDS = {"width": (7, 2), "height": (9, 2), "depth": (12, 1), "fps": (17, 4), "qp": (25, 2), "structure": (27, 1),
          "tools": (28, 2), "frames": (38, 4), "index": (50, 8)}  # fmt: skip
"""Where fields of the header lie, and their sizes."""
Sections = list[tuple[int, bytearray]]


@cache
def model() -> TcmModel:
    return load_file(folder() / MODEL, torch.device("cpu"))


@cache
def corpus() -> dict[bytes, tuple[str, ...]]:
    """Short streams of the conformance set, and the hashes of their frames."""
    return {
        (folder() / f"{case.name}.tcm").read_bytes(): case.frames
        for case in read_manifest()
        if len(case.frames) <= LARGEST_FRAMES and case.name not in ("longer_header", "offsets")
    }


def joined(head: bytearray, sections: Sections, *, keep_index: bool = False) -> bytes:
    """A stream with checksums and sizes that fit; the index offset too, unless it is to be kept."""
    parts = [pack_section(Section(kind, bytes(payload))) for kind, payload in sections]
    head = bytearray(head)
    head[42:50] = sum(map(len, parts)).to_bytes(8, "little")
    if not keep_index:
        there = [i for i, (kind, _) in enumerate(sections) if kind == SectionType.INDEX]
        offset = HEADER_BYTES + sum(map(len, parts[: there[-1]])) if there else 0
        head[50:58] = offset.to_bytes(8, "little")
    return bytes(head) + google_crc32c.value(bytes(head)).to_bytes(4, "little") + b"".join(parts)


def noise(rng: np.random.Generator, most: int) -> bytes:
    """Bytes of several kinds: random, all zeros, all ones, none."""
    size = int(rng.integers(0, most))
    return [rng.bytes(size), bytes(size), b"\xff" * size, b""][int(rng.integers(4))]


def signed_damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage to header fields, frames and index under checksums that match."""
    head, sections = split(data)
    keep_index = False
    if rng.random() < 0.25:
        name = list(FIELDS)[int(rng.integers(len(FIELDS)))]
        at, size = FIELDS[name]
        top = 256**size
        value = int(rng.choice([0, 1, int.from_bytes(head[at : at + size], "little") + 1, 65, 300, top // 2, top - 1]))
        head[at : at + size] = (value % top).to_bytes(size, "little")
        keep_index = name == "index"
    for _ in range(int(rng.integers(1, 4))):
        if not sections:
            break
        index = int(rng.integers(len(sections)))
        kind, payload = sections[index]
        match int(rng.integers(0, 10)):
            case 0:
                del sections[index]
            case 1:
                sections.insert(index, (kind, payload))
            case 2:
                other = int(rng.integers(len(sections)))
                sections[index], sections[other] = sections[other], sections[index]
            case 3:
                sections[index] = (int(rng.integers(256)), payload)
            case 4:
                sections[index] = (kind, bytearray(plain_damage(bytes(payload) or b"\0", rng)))
            case _ if kind == SectionType.FRAME:
                sections[index] = (kind, bytearray(_other_frame(bytes(payload), rng)))
            case _:
                sections[index] = (kind, bytearray(noise(rng, 60)))
    return joined(head, sections, keep_index=keep_index)


def _other_frame(payload: bytes, rng: np.random.Generator) -> bytes:
    """A frame with something of it replaced, most often without its checksum so that decoding goes on."""
    try:
        header, side, latents = unpack_frame(payload)
    except CodecError:
        return payload
    if rng.random() < 0.8:
        header = replace(header, checksum=None)
    match int(rng.integers(0, 8)):
        case 0:
            side = noise(rng, 300)
        case 1:
            latents = noise(rng, 2000)
        case 2:
            side = plain_damage(side or b"\0", rng)
        case 3:
            latents = plain_damage(latents or b"\0", rng)
        case 4:
            number = int(rng.choice([0, 1, header.number + 1, 127, 1 << 20, (1 << 32) - 1]))
            header = replace(header, number=number)
        case 5:
            header = replace(header, base_qp16=int(rng.choice([0, 1, 511, 1008, 1009, 65535])))
        case 6:
            header = replace(header, kept=not header.kept)
        case _:
            header = replace(header, type=FrameType(1 - header.type))
    return pack_frame(header, side, latents)


def one(kind: str, damaged: bytes, whole: tuple[str, ...], rng: np.random.Generator) -> str:
    """Outcome of one stream; raises where there is anything but a picture within its limits, or a `CodecError`."""
    stream_tree(damaged, LIMITS)
    try:
        with VideoDecoder(damaged, device="cpu", limits=LIMITS, model=model(), salvage=kind == "salvaged") as decoder:
            found = list(decoder.frames())
            _check(decoder, [d.frame.index for d in found], salvage=kind == "salvaged")
            if kind == "plain" and tuple(frame_hash(d.frame) for d in found) != whole:
                raise AssertionError("plain damage changed a frame and was not noticed")
            if found:
                index = int(rng.integers(len(found)))
                sought = decoder.frame(found[index].frame.index)
                if frame_hash(sought.frame) != frame_hash(found[index].frame) and not (sought.lost or decoder.damage):
                    raise AssertionError("seeking gives another frame")
                for decoded in found:
                    _ = decoded.maps
            outcome = "lost frames" if any(d.lost for d in found) else "frames" if found else "nothing"
    except CodecError as error:
        outcome = type(error).__name__
    if kind == "signed":
        try:
            inspect_video(damaged, frames=True, limits=LIMITS)
            for _, maps in side_maps(damaged, LIMITS):
                del maps
        except CodecError:
            pass
    return outcome


def _check(decoder: VideoDecoder, indices: list[int], *, salvage: bool) -> None:
    wanted = list(range(len(indices)))
    if indices != wanted or len(indices) > decoder.frame_count:
        raise AssertionError(f"frames {indices} of {decoder.frame_count}")
    if not salvage and len(indices) != decoder.frame_count:
        raise AssertionError(f"{len(indices)} frames of {decoder.frame_count}")


def run(count: int, seed: int, *, memory: bool = False) -> Findings:
    """Damage `count` streams and see what the decoder does; `memory` traces allocations, which is slow."""
    rng = np.random.default_rng(seed)
    streams = list(corpus())
    findings = Findings()
    for _ in range(count):
        stream = streams[int(rng.integers(len(streams)))]
        kind = str(rng.choice(["plain", "signed", "salvaged"], p=[0.25, 0.5, 0.25]))
        damage = signed_damage if kind == "signed" or (kind == "salvaged" and rng.random() < 0.3) else plain_damage
        damaged = damage(stream, rng)
        findings.attempt(kind, damaged, partial(one, kind, damaged, corpus()[stream], rng), memory=memory)
    return findings


if __name__ == "__main__":
    run_and_report(run, 20_000, ".tcm", __doc__)
