"""Write a stream of video frame by frame; nothing of a frame is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from codec.stream.analysis import encode_analysis
from codec.stream.sections import Section, SectionType, pack_section
from codec.stream.video.frames import CHECKSUM_BYTES, FrameHeader, FrameType, pack_frame
from codec.stream.video.header import VideoHeader, pack_video_header
from codec.stream.video.index import KeyPlace, pack_index


class VideoWriter:
    """Writes header, frames and index into an open file that can seek.

    Parameters
    ----------
    file : binary file
        Empty; the header is written again at the end, when frames and bytes are known.
    header : VideoHeader
        `frame_count`, `body_bytes` and `index_offset` are filled in.
    """

    def __init__(self, file: BinaryIO, header: VideoHeader) -> None:
        self._file = file
        self._header = header
        self._start = self._write(pack_video_header(header))
        self._offset = self._start
        self._keys: list[KeyPlace] = []
        self._frames = 0
        self.ancillary_bytes = self.checksum_bytes = 0

    def _write(self, data: bytes) -> int:
        self._file.write(data)
        return len(data)

    def _section(self, kind: SectionType, payload: bytes) -> int:
        written = self._write(pack_section(Section(kind, payload)))
        self._offset += written
        return written

    @property
    def frame_count(self) -> int:
        """Frames written so far."""
        return self._frames

    @property
    def header_bytes(self) -> int:
        """Size of the header."""
        return self._start

    @property
    def total_bytes(self) -> int:
        """Size of what is written so far."""
        return self._offset

    @property
    def rd_bytes(self) -> int:
        """What RD figures count: all but ancillary sections and checksums, which other codecs' streams lack too."""
        return self.total_bytes - self.ancillary_bytes - self.checksum_bytes

    def add_frame(
        self, kind: FrameType, side: bytes, latents: bytes, *, base_qp16: int | None = None,
        checksum: int | None = None, kept: bool = False, analysis: Mapping[str, Any] | None = None,
    ) -> int:  # fmt: skip
        """Write the next frame, and its analysis after it.

        Parameters
        ----------
        base_qp16 : int, optional
            Base QP in sixteenths, if not that of the header.
        kept : bool
            Whether a P frame becomes the kept frame, to which those after it may refer.

        Returns
        -------
        int
            Bytes of the frame's section, without the analysis.
        """
        if kind is FrameType.KEY:
            self._keys.append(KeyPlace(self._frames, self._offset))
            number = self._frames
        else:
            number = self._frames - self._keys[-1].index
        if base_qp16 == self._header.base_qp16:
            base_qp16 = None
        header = FrameHeader(kind, number, base_qp16, checksum, kept)
        written = self._section(SectionType.FRAME, pack_frame(header, side, latents))
        self._frames += 1
        self.checksum_bytes += 0 if checksum is None else CHECKSUM_BYTES
        if analysis is not None:
            self.ancillary_bytes += self._section(SectionType.ANALYSIS, encode_analysis(analysis))
        return written

    def finish(self) -> VideoHeader:
        """Write the index and the final header.

        Returns
        -------
        VideoHeader
            As it stands in the file.
        """
        index_offset = self._offset
        self.ancillary_bytes += self._section(SectionType.INDEX, pack_index(self._keys))
        self._header = replace(
            self._header, frame_count=self._frames, body_bytes=self._offset - self._start, index_offset=index_offset
        )
        self._file.seek(0)
        self._write(pack_video_header(self._header))
        self._file.flush()
        return self._header
