"""`Run`: everything about one encode, immutable, with the key under which it is cached and found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from codec.blockmap import BlockMap
from codec.picture import Picture


@dataclass(frozen=True, eq=False, kw_only=True)
class CodedRun:
    """One codec's result on one picture at one setting, without the picture, which is large and can be decoded again.

    Attributes
    ----------
    codec : str
        "tnc" or an anchor's id ("bpg", "vvc", "jpeg").
    label : str
        What a pane or a legend shows, such as "BPG (x265 equivalent)".
    source_hash : str
        `Picture.source_hash` of the input.
    settings : mapping
        JSON-ready settings (quality, model, preset ...).
    versions : mapping
        Name to version of what made it (codec, weights, external program).
    stream : bytes
        The real stream.
    metrics : mapping of str to float
        `bytes`, `bpp`, `psnr_rgb_db`, `psnr_y_db`, `ms_ssim`, `encode_s`, `decode_s` where measured.
    """

    codec: str
    label: str
    source_hash: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    stream: bytes = field(repr=False)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Cache key: source, codec, settings and versions."""
        return run_key(self.codec, self.source_hash, self.settings, self.versions)


@dataclass(frozen=True, eq=False, kw_only=True)
class Run(CodedRun):
    """Everything about one encode; every number comes from the decoded stream.

    Attributes
    ----------
    reconstruction : Picture
        What the decoder made of it.
    block_maps : mapping of str to BlockMap
        By map id.
    """

    reconstruction: Picture = field(repr=False)
    block_maps: Mapping[str, BlockMap] = field(default_factory=dict, repr=False)

    @property
    def coded(self) -> CodedRun:
        """The same without pictures."""
        return CodedRun(**{one.name: getattr(self, one.name) for one in fields(CodedRun)})


def run_key(codec: str, source_hash: str, settings: Mapping[str, object], versions: Mapping[str, str]) -> str:
    """Hex digest that names a run before it is made."""
    fields = {"codec": codec, "source": source_hash, "settings": dict(settings), "versions": dict(versions)}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
