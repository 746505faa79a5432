"""A seeded run of damaged streams: `python -m tests.fuzz.mutate --count 100000 --seed 1`.

Three kinds of damage. *Plain*: bytes change, vanish or appear; every byte of a stream is under a checksum, so none may
decode. *Signed*: bytes of payloads and of the header change and all checksums are made right again, as an attacker
would do it; then the decoder may give any picture within its limits, or an error. *Scanned*: plain damage, salvaged.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import google_crc32c
import numpy as np
import torch

from codec.conformance import MODEL, folder, read_manifest
from codec.errors import BitstreamError, CodecError
from codec.picture import Picture
from codec.stream import DecodeLimits, read_stream
from codec.stream.scan import scan
from codec.stream.sections import pack_length, unpack_length
from codec.tnc.decoder import decode_parsed
from codec.tnc.models import LoadedModel, load_file

LIMITS = DecodeLimits(max_width_px=1024, max_height_px=1024, max_pixels=1 << 18, max_slice_bytes=1 << 16)
SLOWEST_S = 10.0
MEMORY_BYTES = 64 << 20
"""What Python may allocate for one stream within these limits; torch's share is bounded by the picture."""
CRC_BYTES = 4


@dataclass
class Findings:
    """What a run gave.

    Attributes
    ----------
    outcomes : Counter
        By kind of damage and outcome.
    slowest_s : float
        The slowest stream.
    broken : list of (str, bytes)
        What must not be: an exception that is no `CodecError`, a picture from plain damage, a hang, too much memory.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    peak_bytes: int = 0
    broken: list[tuple[str, bytes]] = field(default_factory=list)

    def attempt(self, kind: str, damaged: bytes, decode: Callable[[], str], *, memory: bool) -> tuple[str, float]:
        """Decode one stream and count what came of it; outcome and seconds."""
        if memory:
            tracemalloc.start()
        started = time.perf_counter()
        try:
            outcome = decode()
        except Exception as error:
            outcome = f"ESCAPED {type(error).__name__}"
            self.broken.append((f"{kind}: {error!r}", damaged))
        seconds = time.perf_counter() - started
        if memory:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.peak_bytes = max(self.peak_bytes, peak)
            if peak > MEMORY_BYTES:
                self.broken.append((f"{kind}: {peak} bytes", damaged))
        self.slowest_s = max(self.slowest_s, seconds)
        self.outcomes[f"{kind} {outcome}"] += 1
        return outcome, seconds


def corpus() -> list[bytes]:
    """Whole streams of the conformance set."""
    return [(folder() / f"{case.name}.tnc").read_bytes() for case in read_manifest()]


def plain_damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes that change, vanish, appear, repeat, or come from elsewhere."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(out) + 1))
        length = int(rng.integers(1, 20))
        match int(rng.integers(0, 7)):
            case 0 if at < len(out):
                out[at] ^= 1 << int(rng.integers(8))
            case 1 if at < len(out):
                out[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = rng.bytes(length)
            case 4:
                del out[at:]
            case 5:
                start = int(rng.integers(0, len(out) + 1))
                out[at : at + length] = out[start : start + length]
            case _:
                out[at : at + length] = bytes(length)
    return bytes(out)


def signed_damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage to header fields and payloads under checksums that match."""
    head, sections = split(data)
    if rng.random() < 0.3:
        at = int(rng.integers(6, len(head)))
        head[at] = int(rng.integers(256)) if at < 16 or rng.random() < 0.1 else head[at]
    for _ in range(int(rng.integers(1, 4))):
        if not sections:
            break
        index = int(rng.integers(len(sections)))
        kind, payload = sections[index]
        match int(rng.integers(0, 8)):
            case 0:
                del sections[index]
            case 1:
                sections.insert(index, (kind, payload))
            case 2:
                sections[index] = (int(rng.integers(1, 9)) | (0x80 if rng.random() < 0.3 else 0), payload)
            case 3:
                sections[index] = (kind, bytearray(rng.bytes(int(rng.integers(0, 300)))))
            case _:
                changed = bytearray(plain_damage(bytes(payload) or b"\0", rng))
                sections[index] = (kind, changed)
    return joined(head, sections)


def split(data: bytes) -> tuple[bytearray, list[tuple[int, bytearray]]]:
    """Header without its checksum, and sections as (type, payload)."""
    end = 6 + data[5]
    sections, at = [], end + CRC_BYTES
    while at < len(data):
        length, start = unpack_length(data, at + 1, "")
        sections.append((data[at], bytearray(data[start : start + length])))
        at = start + length + CRC_BYTES
    return bytearray(data[:end]), sections


def joined(head: bytearray, sections: list[tuple[int, bytearray]]) -> bytes:
    """A stream with checksums and lengths that fit."""

    def signed(part: bytes) -> bytes:
        return part + google_crc32c.value(part).to_bytes(CRC_BYTES, "little")

    body = b"".join(signed(bytes([kind]) + pack_length(len(payload)) + payload) for kind, payload in sections)
    head[24:28] = len(body).to_bytes(4, "little")
    return signed(bytes(head)) + body


def check_picture(picture: Picture) -> None:
    """What every picture must be."""
    if picture.pixels > LIMITS.max_pixels or any(int(plane.max()) > picture.peak for plane in picture.planes):
        raise AssertionError("a picture beyond its limits")


def one(kind: str, damaged: bytes, model: LoadedModel) -> str:
    """Outcome of one stream: "error", "picture", ..."""
    try:
        if kind == "scanned":
            found = scan(damaged, LIMITS)
            found.slices()
            return "scanned"
        parsed = read_stream(damaged, LIMITS)
        if kind == "plain":
            return "accepted"
        check_picture(decode_parsed(parsed, model))
        return "picture"
    except BitstreamError as error:
        return type(error).__name__
    except CodecError as error:
        return f"{type(error).__name__}"


def run(count: int, seed: int, *, signed_share: float = 0.03, memory: bool = False) -> Findings:
    """Damage `count` streams and see what the decoder does.

    Parameters
    ----------
    signed_share : float
        Share of streams with right checksums, which are decoded in full and cost milliseconds each.
    memory : bool
        Trace allocations, which makes everything several times slower.
    """
    rng = np.random.default_rng(seed)
    streams = corpus()
    originals = set(streams)
    model = load_file(folder() / MODEL, torch.device("cpu"))
    findings = Findings()
    for _ in range(count):
        stream = streams[int(rng.integers(len(streams)))]
        drawn = rng.random()
        kind = "signed" if drawn < signed_share else "scanned" if drawn < 2 * signed_share else "plain"
        damaged = signed_damage(stream, rng) if kind == "signed" else plain_damage(stream, rng)
        if damaged in originals:
            findings.outcomes[f"{kind} unchanged"] += 1
            continue
        outcome, seconds = findings.attempt(kind, damaged, partial(one, kind, damaged, model), memory=memory)
        if outcome == "accepted":
            findings.broken.append(("plain damage was accepted", damaged))
        if seconds > SLOWEST_S:
            findings.broken.append((f"{kind}: {seconds:.1f} s", damaged))
    return findings


def run_and_report(run: Callable[..., Findings], count: int, suffix: str, description: str | None) -> None:
    """The command line of a fuzzer; streams that break the decoder are written beside."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="trace allocations")
    parser.add_argument("-o", "--output", type=Path, default=Path("fuzz"), help="folder for what breaks the decoder")
    args = parser.parse_args()
    started = time.perf_counter()
    findings = run(args.count, args.seed, memory=args.memory)
    for name, number in sorted(findings.outcomes.items()):
        print(f"{number:>9,}  {name}")
    print(f"slowest {findings.slowest_s:.3f} s, all {time.perf_counter() - started:.0f} s", end="")
    print(f", Python allocated at most {findings.peak_bytes:,} bytes" if args.memory else "")
    for number, (what, data) in enumerate(findings.broken):
        args.output.mkdir(exist_ok=True)
        (args.output / f"{args.seed}-{number}{suffix}").write_bytes(data)
        print(f"BROKEN {what}")
    raise SystemExit(bool(findings.broken))


if __name__ == "__main__":
    run_and_report(run, 100_000, ".tnc", __doc__)
