"""What both sides know of a frame before its symbols, coded: quadtree, modes, vectors, coded flags, QP offsets.

One walk serves encoder and decoder, so they cannot drift apart. It goes in batches, each of which depends on earlier
ones only; a batch is array work, however many blocks it has (FORMAT.md, chapter 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codec.errors import BitstreamError, InputError
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN, decode_qp_map, encode_qp_map
from codec.tcm.contexts import CODED, OFFSET, SideReader, SideWriter, Statistics
from codec.tcm.motion.field import LOG2_SIZES, MotionField
from codec.tcm.motion.references import Chains
from codec.tcm.side_batches import AROUND, Coder, code_number, phases, shifted_sum
from codec.tcm.side_motion import code_motion


@dataclass(frozen=True, eq=False)
class SideInfo:
    """What is known of a frame before its symbols.

    Attributes
    ----------
    motion : MotionField or None
        None in a key frame, in which everything is coded, too.
    coded : numpy.ndarray
        `(rows, cols)` booleans by 16x16 px block of the padded picture.
    offsets : numpy.ndarray
        Likewise, int8: QP offsets.
    """

    motion: MotionField | None
    coded: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, eq=False)
class CodedSide:
    """Bytes of it.

    Attributes
    ----------
    payload : bytes
    bits : mapping of str to float
        Ideal code lengths by part.
    """

    payload: bytes
    bits: Mapping[str, float]


class SideCoder:
    """Codes or decodes the frames of a clip in order; a key frame makes it forget all before.

    Parameters
    ----------
    rows, cols : int
        16x16 px blocks of the padded picture.

    Attributes
    ----------
    statistics : Statistics
        Of the group of frames.
    bits : mapping of str to float
        Ideal code lengths by part, of the frame that was decoded last.
    chains : Chains
        Which references the next frame has.
    """

    def __init__(self, rows: int, cols: int) -> None:
        self._shape = rows, cols
        self.statistics = Statistics()
        self.bits: Mapping[str, float] = {}
        self.chains = Chains()
        self._before: SideInfo | None = None

    def encode(self, info: SideInfo, *, kept: bool = False) -> CodedSide:
        """Code the next frame.

        Parameters
        ----------
        kept : bool
            Whether later frames may refer to it; key frames always are.

        Raises
        ------
        InputError
            If its motion is no quadtree with a vector per inter leaf: a decoder would see another one.
        """
        if info.motion is None:
            payload = encode_qp_map(info.offsets)
            self._start(info)
            return CodedSide(payload, {"qp": 8.0 * len(payload)})
        writer = SideWriter(self.statistics)
        known = _walk(writer, self._known(), self.chains.to, info)
        if known.motion is None or not _same_motion(known.motion, info.motion):
            raise InputError("the motion is no quadtree with one vector per leaf", where="side information")
        self._follow(known, known.motion, kept)
        return CodedSide(writer.finish(), writer.bits)

    def decode(self, payload: bytes, *, key: bool, kept: bool = False) -> SideInfo:
        """Decode the next frame; see `encode` for `kept`.

        Raises
        ------
        BitstreamError
            If the payload cannot be of such a frame.
        """
        if key:
            offsets = decode_qp_map(payload, *self._shape)
            info = SideInfo(None, np.ones(self._shape, bool), offsets)
            self._start(info)
            self.bits = {"qp": 8.0 * len(payload)}
            return info
        reader = SideReader(self.statistics, payload)
        info = _walk(reader, self._known(), self.chains.to, None)
        self.bits = reader.bits
        if info.motion is not None:
            self._follow(info, info.motion, kept)
        return info

    def _start(self, info: SideInfo) -> None:
        self.statistics = Statistics()
        self.chains.start()
        self._before = info

    def _follow(self, info: SideInfo, motion: MotionField, kept: bool) -> None:
        """Take what the next frame builds on."""
        self.statistics.finish_frame()
        self.chains.follow(motion, kept=kept)
        self._before = info

    def _known(self) -> SideInfo:
        if self._before is None:
            raise BitstreamError("it needs a key frame before it", section="frame")
        return self._before


def _same_motion(a: MotionField, b: MotionField) -> bool:
    names = ("log2_size", "mode", "ref", "vectors", "far_vectors", "kept_vectors")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def _walk(coder: Coder, before: SideInfo, chains: Mapping[int, np.ndarray], truth: SideInfo | None) -> SideInfo:
    """All of a P frame. `truth` is what a writer codes."""
    rows, cols = before.coded.shape
    motion = code_motion(coder, (2 * rows, 2 * cols), before.motion, chains, None if truth is None else truth.motion)
    coded = _coded(coder, before, motion, None if truth is None else truth.coded)
    offsets = _offsets(coder, before, None if truth is None else truth.offsets)
    return SideInfo(motion, coded, offsets)


def _coded(coder: Coder, before: SideInfo, motion: MotionField, truth: np.ndarray | None) -> np.ndarray:
    """Coded flags: four batches."""
    shape = before.coded.shape
    small = motion.log2_size[::2, ::2] <= LOG2_SIZES[1]
    old = np.full(shape, 2) if before.motion is None else before.coded.astype(np.int64)
    flags, known = np.zeros(shape, bool), np.zeros(shape, bool)
    for _, at in phases(shape):
        there, ones = shifted_sum(known, AROUND)[at], shifted_sum(flags, AROUND)[at]
        share = 1 + (ones > 0).astype(np.int64) + (2 * ones >= there) + (ones == there)
        share = np.where(there == 0, 0, np.where(ones == 0, 1, share))
        context = ((share * 3 + old[at]) * 2 + small[at]).ravel()
        found = coder.code(CODED, context, None if truth is None else truth[at].astype(np.int64).ravel())
        flags[at] = found.reshape(there.shape) > 0
        known[at] = True
    return flags


def _offsets(coder: Coder, before: SideInfo, truth: np.ndarray | None) -> np.ndarray:
    """QP offsets: four batches of differences to the frame before."""
    old = before.offsets.astype(np.int64)
    change = np.zeros(old.shape, np.int64)
    for number, at in phases(old.shape):
        near = shifted_sum(change != 0, AROUND)[at] > 0
        context = (2 * (number > 0) + near).ravel().astype(np.int64)
        wanted = None if truth is None else (truth.astype(np.int64) - old)[at].ravel()
        change[at] = code_number(coder, OFFSET, context, wanted).reshape(near.shape)
    offsets = old + change
    if offsets.min() < OFFSET_MIN or offsets.max() > OFFSET_MAX:
        raise BitstreamError(f"a QP offset is beyond {OFFSET_MIN}..{OFFSET_MAX}", section="frame")
    return offsets.astype(np.int8)
