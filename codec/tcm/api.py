"""The public functions of the video codec, as `codec` re-exports them."""

from __future__ import annotations

from codec.tcm.decoder import DecodedFrame, VideoDecoder, decode_video
from codec.tcm.encoder import encode_video
from codec.tcm.info import VideoStreamInfo, inspect_video
from codec.tcm.results import FinishedFrame, FrameRecord, VideoEncodeResult
from codec.tcm.settings import VideoEncodeSettings

__all__ = [
    "DecodedFrame",
    "FinishedFrame",
    "FrameRecord",
    "VideoDecoder",
    "VideoEncodeResult",
    "VideoEncodeSettings",
    "VideoStreamInfo",
    "decode_video",
    "encode_video",
    "inspect_video",
]
