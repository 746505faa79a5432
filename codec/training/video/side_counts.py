"""Counts that side information starts from at every key frame: collected from real encodes of training clips.

    python -m codec.training.video.side_counts CLIP... -o resources/weights/side_contexts.safetensors

Streams change with them: FORMAT.md (chapter 10) names the file's hash.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from codec.files import atomic_path
from codec.tcm.contexts import ELEMENTS
from codec.tcm.encoder import PictureEncoder, Stopwatch
from codec.tcm.lookahead.lookahead import look_ahead
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.models import load_tcm
from codec.tcm.settings import VideoEncodeSettings
from codec.video.source import open_video

STRENGTH = 48
"""Sum of the start counts of a context: how many symbols of its own it takes to outweigh them."""
QPS = (26.0, 32.0, 38.0)


def collect(paths: Sequence[Path], qps: Sequence[float] = QPS, frames: int = 8) -> dict[str, np.ndarray]:
    """Symbols by element, context and entry, over the P frames of clips at several QPs, with CUTree and without."""
    total = {element.name: np.zeros((element.contexts, element.symbols), np.int64) for element in ELEMENTS}
    model = load_tcm()
    for number, path in enumerate(paths):
        settings = VideoEncodeSettings(
            qp=qps[number % len(qps)], lookahead=LookaheadSettings(cutree=float(number % 4 > 0)),
            key_offset=-3.0, keep_interval=4, effort=1 + number % 2,
        )  # fmt: skip
        encoder = PictureEncoder(model, settings)
        with open_video(path) as source:
            for i, (frame, look) in enumerate(look_ahead(source.read(0, frames), settings.lookahead)):
                encoder.code(frame, key=i == 0, offsets=look.offsets, watch=Stopwatch())
        for name, seen in encoder.statistics.total.items():
            total[name] += seen
    return total


def start_counts(total: np.ndarray) -> np.ndarray:
    """Whole counts of at least 1 in each entry from collected symbols, uint16; a context never seen is the mean."""
    total = total.astype(np.float64)
    mean = total.sum(0) + 0.5
    share = (total + 8 * mean / mean.sum()) / (total.sum(1, keepdims=True) + 8)
    return np.maximum(1, np.rint(STRENGTH * share)).astype(np.uint16)


def main() -> None:
    """Collect and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=8)
    args = parser.parse_args()
    total = collect(args.clips, frames=args.frames)
    with atomic_path(args.output) as temporary:
        save_file({name: start_counts(table) for name, table in total.items()}, temporary)


if __name__ == "__main__":
    main()
