"""A stream of video as a tree of parts and fields, as `codec.stream.tree` makes it of still pictures."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from codec.errors import BitstreamError
from codec.stream.fields import PRELUDE, TYPE
from codec.stream.header import CRC_BYTES
from codec.stream.limits import DecodeLimits
from codec.stream.nodes import Kind, Node, analysis_nodes, checksum_node, field_nodes, trouble_node
from codec.stream.sections import ANCILLARY, SectionType, section_bounds, section_name, unpack_length
from codec.stream.video.fields import FRAME_CHECKSUM, FRAME_FLAGS, FRAME_QP, HEADER
from codec.stream.video.frames import FrameHeader, FrameType, unpack_frame_header
from codec.stream.video.header import VideoHeader, unpack_video_header
from codec.stream.video.index import unpack_index
from codec.stream.video.limits import VIDEO_LIMITS
from codec.stream.video.reader import VideoReader

FRAME = "frame"
_JSON = "JSON object"
_CHECKSUM, _QP = FRAME_FLAGS.bits[2], FRAME_FLAGS.bits[3]
INDEX_ENTRIES = 64
"""Key frames that are listed; the others are counted."""


def video_tree(data: bytes, limits: DecodeLimits = VIDEO_LIMITS) -> Node:
    """Read a stream into a tree; never raises for what is wrong with the data.

    Returns
    -------
    Node
        Header, a part for every section in stream order; frames are named "frame 0 (I)", "frame 1 (P)" and so on.
    """
    header: VideoHeader | None = None
    trouble: BitstreamError | None = None
    parts: list[Node] = []
    try:
        header, _ = unpack_video_header(data, limits)
    except BitstreamError as error:
        trouble = error
    try:
        parts.append(_header(data))
        parts += _sections(data, parts[0].end)
    except (struct.error, BitstreamError) as error:
        trouble = trouble or (error if isinstance(error, BitstreamError) else None)
    if not parts:
        parts.append(trouble_node(data, 0, trouble))
    text = str(trouble) if trouble is not None else _first_trouble(data, limits)
    return Node("stream", 0, len(data), text, _what(header), children=tuple(parts))


def frame_nodes(tree: Node) -> dict[int, Node]:
    """Parts of a tree that are frames, by their index in display order."""
    frames = [node for node in tree.children if node.name.startswith(f"{FRAME} ")]
    return {int(node.name.split()[1]): node for node in frames}


def _first_trouble(data: bytes, limits: DecodeLimits) -> str:
    """What breaks rules that span sections, such as order, numbers and counts, or what decoding can do without."""
    try:
        reader = VideoReader(data, limits)
        for _ in reader.frames():
            pass
    except BitstreamError as error:
        return str(error)
    return next(iter(reader.notes), "")


def _what(header: VideoHeader | None) -> str:
    if header is None:
        return ""
    video = header.format
    return (
        f"TCM video, {video.width_px} x {video.height_px} px, {video.bit_depth} bit, {header.frame_count} frames at "
        f"{float(video.fps):g} per second, QP {header.qp:g}"
    )


def _header(data: bytes) -> Node:
    nodes = field_nodes(data, 0, PRELUDE)
    nodes += field_nodes(data, nodes[-1].end, HEADER)
    nodes.append(checksum_node(data, 0, nodes[-1].end))
    return Node("header", 0, nodes[-1].end, "", "what a decoder must know first", children=tuple(nodes))


@dataclass
class _Count:
    """Numbers of frames so far."""

    key: int = 0
    following: int = 0

    def index_of(self, header: FrameHeader) -> int:
        """Index in display order, as the frame says it."""
        if header.type is FrameType.KEY:
            self.key = header.number
            self.following = header.number + 1
            return header.number
        self.following = self.key + header.number + 1
        return self.key + header.number


def _sections(data: bytes, offset: int) -> Iterator[Node]:
    count = _Count()
    while offset < len(data):
        try:
            start, end = section_bounds(data, offset)
        except BitstreamError as error:
            yield trouble_node(data, offset, error)
            return
        yield _section(data, offset, start, end, count)
        offset = end + CRC_BYTES


def _section(data: bytes, offset: int, start: int, end: int, count: _Count) -> Node:
    kind = data[offset]
    ancillary = bool(kind & ANCILLARY)
    name, text = section_name(kind), _TEXTS.get(kind, "")
    payload: list[Node] = []
    try:
        if kind == SectionType.FRAME:
            header, _ = unpack_frame_header(data[start:end])
            name = f"{FRAME} {count.index_of(header)} ({header.type.letter})"
            text = "key frame" if header.type is FrameType.KEY else f"P frame, {header.number} after its key frame"
            payload = _frame(data, start, end, header)
        elif kind == SectionType.INDEX:
            payload = _index(data, start, end)
        elif kind == SectionType.ANALYSIS:
            name = f"analysis {count.following - 1}" if count.following else name
            payload = [Node(_JSON, start, end - start, "", "compressed", Kind.CODED, True)]
        elif end > start:
            payload = [Node("payload", start, end - start, f"{end - start} B", "opaque", Kind.CODED, ancillary)]
    except (struct.error, BitstreamError) as error:
        why = str(error) if isinstance(error, BitstreamError) else "too short for its fields"
        payload = [Node("payload", start, end - start, why, kind=Kind.TROUBLE)] if end > start else []
    children = [
        Node(TYPE.name, offset, 1, f"{kind} = {section_name(kind)}", TYPE.text, Kind.FIELD, ancillary),
        Node("length", offset + 1, start - offset - 1, f"{end - start} B", "of the payload, as LEB128", Kind.FIELD,
             ancillary),
        *payload,
        checksum_node(data, offset, end, ancillary=ancillary),
    ]  # fmt: skip
    return Node(name, offset, end + CRC_BYTES - offset, "", text, ancillary=ancillary, children=tuple(children))


_TEXTS: Mapping[int, str] = {
    SectionType.ANALYSIS: "what the encoder noted of the frame before it; not counted in RD figures",
    SectionType.INDEX: "where key frames are; a decoder can do without",
}


def _frame(data: bytes, start: int, end: int, header: FrameHeader) -> list[Node]:
    """Fields, side information and symbols of a frame."""
    flags = field_nodes(data, start, (FRAME_FLAGS,))
    _, at = unpack_length(data, start + 1, FRAME)
    what = "index in display order" if header.type is FrameType.KEY else "distance to the key frame of its group"
    nodes = [*flags, Node("number", start + 1, at - start - 1, str(header.number), f"{what}, as LEB128", Kind.FIELD)]
    wanted = [field for bit, field in ((_QP, FRAME_QP), (_CHECKSUM, FRAME_CHECKSUM)) if bit.of(data[start])]
    nodes += field_nodes(data, at, wanted)
    if header.checksum is not None:
        nodes[-1] = replace(nodes[-1], value=f"{header.checksum:08x}")
    side_at = nodes[-1].end
    side_bytes, at = unpack_length(data, side_at, FRAME)
    nodes.append(Node("side length", side_at, at - side_at, f"{side_bytes} B", "as LEB128", Kind.FIELD))
    if side_bytes > end - at:
        raise BitstreamError("what it knows before symbols reaches past its end", section=FRAME, offset=at)
    coded = "lossless QP offsets" if header.type is FrameType.KEY else (
        "range-coded: quadtree, modes, vectors, coded flags, QP offsets"
    )  # fmt: skip
    nodes.append(Node("side information", at, side_bytes, f"{side_bytes} B", coded, Kind.CODED))
    rest = at + side_bytes
    nodes.append(Node("symbols", rest, end - rest, f"{end - rest} B", "range-coded: z, then y", Kind.CODED))
    return nodes


def is_unread(node: Node) -> bool:
    """Whether a node is a frame's analysis, whose entries no tree brings by itself."""
    return node.name == _JSON and not node.children


def analysis_entries(data: bytes, node: Node, limits: DecodeLimits = VIDEO_LIMITS) -> Node:
    """The node of a frame's analysis with its entries."""
    try:
        return analysis_nodes(data[node.offset : node.end], 0, limits)[0].moved(node.offset)
    except BitstreamError as error:
        return replace(node, value=str(error), kind=Kind.TROUBLE)


def _index(data: bytes, start: int, end: int) -> list[Node]:
    """Key frames that the index names; its numbers are LEB128, so they are shown as they add up."""
    keys = unpack_index(data[start:end], end - start)
    shown = tuple(
        Node(f"frame {key.index}", start, end - start, f"at byte {key.offset}", kind=Kind.FIELD, ancillary=True)
        for key in keys[:INDEX_ENTRIES]
    )
    text = "distances in frames and bytes, as LEB128"
    return [Node("key frames", start, end - start, f"{len(keys)} entries", text, Kind.CODED, True, shown)]
