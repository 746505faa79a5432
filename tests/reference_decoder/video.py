"""FORMAT.md, chapters 9 to 11: from a stream of video to planes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from tests.reference_decoder import video_container, video_networks
from tests.reference_decoder.container import Damaged, crc32c
from tests.reference_decoder.symbols import qp_map
from tests.reference_decoder.video_container import CodedFrame, Video
from tests.reference_decoder.video_networks import VideoWeights
from tests.reference_decoder.video_prediction import Planes, predict
from tests.reference_decoder.video_sides import Contexts, Side, decode_side


class VideoDecoder:
    """What is carried from frame to frame."""

    def __init__(self, video: Video, weights: VideoWeights) -> None:
        if weights.ids() != (video.entropy_id, video.synthesis_id):
            raise ValueError("model")
        self.video, self.weights = video, weights
        self.h, self.w = -(-video.height // 64) * 4, -(-video.width // 64) * 4
        self.tables: list[np.ndarray] = []

    def decode(self, frame: CodedFrame) -> Planes:
        """The working picture of the next frame (section 9.3)."""
        kind = self.weights.kinds["key" if frame.key else "inter"]
        if frame.key:
            self.contexts, self.side = Contexts(), Side.of_key(qp_map(frame.side, self.h, self.w))
            self.near = self.far = self.kept = None
            self.seen, prediction = np.zeros((sum(kind.config["groups"]), self.h, self.w), np.int64), None
        else:
            there = {1: self.near, 2: self.far, 4: self.kept}
            if self.kept is self.near or self.kept is self.far:
                del there[4]
            there = {k: picture for k, picture in there.items() if picture is not None}
            self.side = decode_side(frame.side, self.side, self.contexts, sum(there), frame.kept)
            prediction = predict(there, self.side.ref, self.side.vectors)
        qp16 = np.clip(frame.qp + 16 * self.side.offsets, 0, 1008)
        s, t, self.tables = video_networks.latents(
            kind, frame.symbols, frame.qp, qp16, self.side, prediction, self.seen
        )
        self.picture = video_networks.samples(kind, s, qp16, self.side.coded, prediction)
        self.far, self.near = self.near, self.picture
        if frame.key or frame.kept:
            self.kept = self.picture
        if not frame.key:
            self.seen = t
        if frame.checksum is not None:
            stored = b"".join(p.astype("<u2").tobytes() for p in self.picture)
            if crc32c(stored) != frame.checksum:
                raise Damaged("checksum of the picture")
        return self.picture


def shown(picture: Planes, video: Video) -> list[np.ndarray]:
    """Output planes (section 9.3)."""
    out = []
    for i, plane in enumerate(picture):
        rows, cols = (video.height, video.width) if i == 0 else ((video.height + 1) // 2, (video.width + 1) // 2)
        if video.bit_depth == 8:
            plane = np.minimum((plane + 2) >> 2, 255)
        out.append(plane[:rows, :cols].astype("u1" if video.bit_depth == 8 else "<u2"))
    return out


def decode(data: bytes, weights: VideoWeights) -> Iterator[list[np.ndarray]]:
    """Output planes of every frame."""
    video = video_container.parse(data)
    decoder = VideoDecoder(video, weights)
    for frame in video.frames:
        yield shown(decoder.decode(frame), video)


def hash_of(planes: list[np.ndarray]) -> str:
    """SHA-256 of the samples of Y, U and V, row by row."""
    return hashlib.sha256(b"".join(p.tobytes() for p in planes)).hexdigest()
