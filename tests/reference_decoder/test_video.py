"""FORMAT.md says all there is to say of video: a decoder written from it alone reads every stream of the set."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.reference_decoder import video_container
from tests.reference_decoder.video import decode, hash_of
from tests.reference_decoder.video_networks import VideoWeights
from tests.reference_decoder.weights import RESOURCES

SET = RESOURCES / "conformance" / "video"
STREAMS = {entry["name"]: entry for entry in json.loads((SET / "manifest.json").read_text())["streams"]}
MODEL = VideoWeights(SET / "model.safetensors")


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_of_the_set(name: str) -> None:
    data = (SET / f"{name}.tcm").read_bytes()
    assert hashlib.sha256(data).hexdigest() == STREAMS[name]["sha256"]
    assert [hash_of(planes) for planes in decode(data, MODEL)] == STREAMS[name]["frames"]
    video = video_container.parse(data)
    keys = [(i, video.offsets[i]) for i, frame in enumerate(video.frames) if frame.key]
    assert video.index in (None, keys)
