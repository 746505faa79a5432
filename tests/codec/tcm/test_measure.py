"""Where the bits of a clip go, and its stream as a tree: what a decoder finds is what the encoder counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.stream.nodes import Kind, Node
from codec.stream.sections import section_bounds
from codec.stream.tree import stream_tree
from codec.stream.video.tree import analysis_entries, frame_nodes, is_unread
from codec.tcm.decoder import VideoDecoder
from codec.tcm.encoder import encode_video
from codec.tcm.info import inspect_video
from codec.tcm.models import TcmModel
from codec.tcm.results import PARTS, FinishedFrame
from tests.codec.tcm.test_stream import FRAMES, SETTINGS, Moving
from tests.stream.test_tree import covers, find


@pytest.fixture(scope="module")
def clip(tiny: TcmModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[FinishedFrame]]:
    path: Path = tmp_path_factory.mktemp("clip") / "a.tcm"
    finished: list[FinishedFrame] = []
    encode_video(Moving(), path, SETTINGS, model=tiny, on_frame=finished.append)
    return path.read_bytes(), finished


def test_a_decoder_counts_the_bits_that_the_encoder_counted(
    clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel
) -> None:
    stream, finished = clip
    with VideoDecoder(stream, device="cpu", model=tiny, measure=True) as decoder:
        frames = list(decoder.frames())
    with VideoDecoder(stream, device="cpu", model=tiny) as decoder:
        assert not next(decoder.frames()).record.bits_by_part  # type: ignore[union-attr]
    for decoded, coded in zip(frames, finished, strict=True):
        assert decoded.record is not None
        found, counted = decoded.record.bits_by_part, coded.record.bits_by_part
        assert set(found) == set(counted) <= set(PARTS)
        assert found == pytest.approx(counted, abs=1e-6)
        assert np.allclose(decoded.maps["bits"].values, coded.maps["bits"].values)
        assert abs(sum(found.values()) - found["checksum"] - decoded.record.bits) < 200  # ideal lengths


def test_info_tells_side_information_and_symbols_apart_without_decoding(
    clip: tuple[bytes, list[FinishedFrame]],
) -> None:
    stream, finished = clip
    info = inspect_video(stream, frames=True)
    for frame, coded in zip(info.frames, finished, strict=True):
        parts, counted = dict(frame.bits_by_part), coded.record.bits_by_part
        assert abs(parts.pop("symbols") - counted["z"] - counted["y"]) < 64
        assert parts == pytest.approx({name: counted[name] for name in parts}, abs=1e-6)
    assert info.bits_by_part()["symbols"] == sum(frame.bits_by_part["symbols"] for frame in info.frames)


def test_the_tree_has_every_byte_and_every_frame(clip: tuple[bytes, list[FinishedFrame]]) -> None:
    stream, _ = clip
    tree = stream_tree(stream)
    info = inspect_video(stream, frames=True)
    assert covers(tree)
    assert not tree.value
    assert "90 x 70 px" in tree.text
    assert find(tree, "header", "fps_numerator").value == "30000"
    assert find(tree, "header", "qp").value.startswith("30")
    frames = frame_nodes(tree)
    assert list(frames) == list(range(FRAMES))
    for frame in info.frames:
        node = frames[frame.index]
        assert (node.name, node.offset, 8 * (node.bytes - 4)) == (
            f"frame {frame.index} ({frame.type})", frame.offset, frame.bits
        )  # fmt: skip
        assert find(node, "picture checksum").value == frame.checksum
        assert 8 * find(node, "symbols").bytes == frame.bits_by_part["symbols"]
    noted = find(tree, "analysis 2", "JSON object")
    assert is_unread(noted)
    assert not is_unread(frames[0])
    whole = analysis_entries(stream, noted)
    assert find(whole, "psnr_db").offset == noted.offset


def worst(tree: Node) -> list[str]:
    return [node.name for node in tree.walk() if node.kind is Kind.TROUBLE]


def test_damage_is_shown_where_it_is(clip: tuple[bytes, list[FinishedFrame]]) -> None:
    stream, _ = clip
    frame = frame_nodes(stream_tree(stream))[1]
    start, end = section_bounds(stream, frame.offset)
    damaged = bytearray(stream)
    damaged[(start + end) // 2] ^= 1
    tree = stream_tree(bytes(damaged))
    assert worst(tree) == ["checksum"]
    assert "checksum" in tree.value
    cut = stream_tree(stream[: frame.offset + 10])
    assert worst(cut) == ["unreadable"]
    assert covers(cut)
    assert "missing" in cut.value
    for place in range(5, len(stream), 397):  # whatever is hit, nothing is raised
        damaged = bytearray(stream)
        damaged[place] ^= 0x55
        assert stream_tree(bytes(damaged)).value
