"""The container of video: header, one section per frame, index; read and written as a stream (FORMAT.md, chapter 9)."""

from __future__ import annotations

from codec.stream.video.frames import FrameHeader, FrameType, pack_frame, unpack_frame
from codec.stream.video.header import VideoHeader, is_video_stream
from codec.stream.video.limits import VIDEO_LIMITS
from codec.stream.video.reader import CodedFrame, VideoReader
from codec.stream.video.writer import VideoWriter

__all__ = [
    "VIDEO_LIMITS",
    "CodedFrame",
    "FrameHeader",
    "FrameType",
    "VideoHeader",
    "VideoReader",
    "VideoWriter",
    "is_video_stream",
    "pack_frame",
    "unpack_frame",
]
