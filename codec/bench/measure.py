"""Time of real encodes and decodes, split into the networks, the entropy coder and everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codec.bench.machine import mac_rate_gmac_s
from codec.errors import SettingsError
from codec.files import read_picture
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.resources import resource
from codec.threads import torch_threads
from codec.tnc.encoder import ImageEncoder
from codec.tnc.models import LoadedModel
from codec.tnc.profile import record
from codec.tnc.settings import EncodeSettings
from codec.tnc.tensors import padded

ENCODER_NETWORKS = ("analysis", "hyper_analysis", "hyper_decoder", "context")
DECODER_NETWORKS = ("hyper_decoder", "context", "synthesis")
SAMPLES = ("street", "coast", "lavender")
LARGE_PX = (2160, 3840)


@dataclass(frozen=True)
class Split:
    """One encode or decode.

    Attributes
    ----------
    total_s : float
        All of it; program start and loading of the model apart.
    network_s : mapping of str to float
        Seconds in each network.
    entropy_s, rest_s : float
        Range coder; and everything else (colour, gains, rounding, container, checksums).
    gmac : float
        Work of the networks, from the padded size.
    """

    total_s: float
    network_s: Mapping[str, float]
    entropy_s: float
    rest_s: float
    gmac: float

    @property
    def networks_s(self) -> float:
        """Seconds in all networks."""
        return sum(self.network_s.values())

    @classmethod
    def of(cls, total_s: float, spans: Mapping[str, float], kmac_per_px: Mapping[str, float], pixels: int) -> Split:
        """Sort recorded spans into networks and the rest."""
        networks = {part: spans[part] for part in kmac_per_px}
        entropy_s = spans["entropy"]
        rest_s = total_s - sum(networks.values()) - entropy_s
        return cls(total_s, networks, entropy_s, rest_s, sum(kmac_per_px.values()) * pixels / 1e6)

    def to_json(self, rate_gmac_s: float) -> dict[str, object]:
        """JSON-ready fields, with the share of the machine's rate that the networks reach."""
        return {
            "total_s": self.total_s, "networks_s": dict(self.network_s), "entropy_s": self.entropy_s,
            "rest_s": self.rest_s, "gmac": self.gmac, "share_of_mac_rate": self.gmac / self.networks_s / rate_gmac_s,
        }  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """One picture with one number of threads: the runs of median total time."""

    name: str
    width_px: int
    height_px: int
    bpp: float
    threads: int
    rate_gmac_s: float
    encode: Split
    decode: Split

    def to_json(self) -> dict[str, object]:
        """JSON-ready fields."""
        return {
            "picture": self.name, "width": self.width_px, "height": self.height_px, "bpp": self.bpp,
            "threads": self.threads, "machine_gmac_s": self.rate_gmac_s,
            "encode": self.encode.to_json(self.rate_gmac_s), "decode": self.decode.to_json(self.rate_gmac_s),
        }  # fmt: skip


def default_picture() -> Picture:
    """768x512 px of a bundled sample: the size of the Kodak pictures."""
    return read_picture(resource("samples/street.png")).crop(200, 300, 512, 768)


def large_picture() -> Picture:
    """A 4K picture, tiled from the bundled samples."""
    samples = [read_picture(resource(f"samples/{name}.png")).rgb for name in SAMPLES]
    height, width = min(s.shape[0] for s in samples), min(s.shape[1] for s in samples)
    tiles = [s[:height, :width] for s in samples]
    rows, cols = -(-LARGE_PX[0] // height), -(-LARGE_PX[1] // width)
    grid = [np.concatenate([tiles[(row + col) % len(tiles)] for col in range(cols)], 1) for row in range(rows)]
    whole = np.ascontiguousarray(np.concatenate(grid)[: LARGE_PX[0], : LARGE_PX[1]])
    return Picture.from_array(whole, name="4K mosaic of the samples")


def _median(splits: Iterable[Split]) -> Split:
    ordered = sorted(splits, key=lambda split: split.total_s)
    return ordered[len(ordered) // 2]


def measure(
    pictures: Sequence[Picture], model: LoadedModel, *, threads: Sequence[int], qp: float, runs: int,
    progress: Progress = no_progress, cancel: CancelToken | None = None,
) -> list[Measurement]:  # fmt: skip
    """Encode and decode every picture several times with every number of threads, after one warm-up.

    Parameters
    ----------
    threads : sequence of int
        Numbers of CPU threads.
    runs : int
        Runs of which the one of median time counts.
    """
    if runs < 1 or any(count < 1 for count in threads):
        raise SettingsError("threads and runs must be at least 1")
    kmac = model.complexity.by_part
    rows = []
    done, work = 0, len(pictures) * len(threads) * (runs + 1)
    for count in threads:
        with torch_threads(count):
            rate = mac_rate_gmac_s(model.device)
            for picture in pictures:
                pixels = padded(picture.height_px) * padded(picture.width_px)
                encodes, decodes = [], []
                for run in range(runs + 1):
                    check(cancel)
                    progress(done / work, f"{picture.name}, {count} threads")
                    with record() as recording:
                        encoder = ImageEncoder(picture, model=model, cancel=cancel)
                        result = encoder.encode(EncodeSettings(qp=qp), cancel=cancel)
                    done += 1
                    if run:  # the first one warms up
                        outer, inner = recording.below(""), recording.below("decode")
                        parts = {part: kmac[part] for part in ENCODER_NETWORKS}
                        encodes.append(Split.of(result.encode_s, outer, parts, pixels))
                        parts = {part: kmac[part] for part in DECODER_NETWORKS}
                        decodes.append(Split.of(result.decode_s, inner, parts, pixels))
                size = (picture.width_px, picture.height_px)
                rows.append(
                    Measurement(picture.name, *size, result.bpp, count, rate, _median(encodes), _median(decodes))
                )
    return rows
