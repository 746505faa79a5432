from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.errors import BitstreamError
from codec.tcm.frame_encoder import CodedLatents, FrameEncoder, block_error
from codec.tcm.latents import decode_latents
from codec.tcm.models import TcmModel
from codec.tcm.motion.field import NEAR, MotionField
from codec.tcm.motion.interpolate import predict
from codec.tcm.planes import Planes
from codec.tcm.side import FrameSide, Memory


def side_of(picture: Planes, qp: int, *, motion: bool) -> FrameSide:
    rows, cols = (n // 16 for n in picture.size_px)
    qp16 = torch.full((rows, cols), 16 * qp)
    qp16[: rows // 2] += 48
    field = MotionField.still(*picture.size_px) if motion else None
    if field is not None:
        field.vectors[..., 0], field.vectors[..., 1] = 12, 4
    return FrameSide(16 * qp, qp16, np.ones((rows, cols), bool), field)


def code(tiny: TcmModel, moving: list[Planes]) -> list[tuple[CodedLatents, Planes | None, FrameSide, Memory | None]]:
    """A key frame and two P frames, the second of which sees the latents of the first."""
    side = side_of(moving[0], 26, motion=False)
    first = FrameEncoder(tiny.key, moving[0], None, side, None).encode()
    out: list[tuple[CodedLatents, Planes | None, FrameSide, Memory | None]] = [(first, None, side, None)]
    reference, memory = first.reconstruction, None
    for picture in moving[1:]:
        side = side_of(picture, 28, motion=True)
        assert side.motion is not None
        prediction = predict({NEAR: reference}, side.motion)
        encoder = FrameEncoder(tiny.inter, picture, prediction, side, memory)
        side = replace(side, coded=encoder.choose_coded())
        result = encoder.encode(side.coded)
        out.append((result, prediction, side, memory))
        reference, memory = result.reconstruction, result.memory
    return out


@pytest.mark.parametrize("threads", [1, 4])
def test_decoder_gives_the_encoders_pictures_bit_for_bit(tiny: TcmModel, moving: list[Planes], threads: int) -> None:
    coded = code(tiny, moving)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for i, (result, prediction, side, memory) in enumerate(coded):
            model = tiny.key if i == 0 else tiny.inter
            picture, left = decode_latents(model, result.payload, prediction, side, memory)
            assert all(torch.equal(a, b) for a, b in zip(picture.all, result.reconstruction.all, strict=True))
            assert torch.equal(left.seen, result.memory.seen)
    finally:
        torch.set_num_threads(before)


def test_bits_account_for_the_payload(tiny: TcmModel, moving: list[Planes]) -> None:
    for result, *_ in code(tiny, moving):
        assert result.bits.sum() == pytest.approx(result.y_bits)
        assert abs(8 * len(result.payload) - result.y_bits - result.z_bits) < 64 + 0.02 * 8 * len(result.payload)


def test_blocks_without_symbols_stay_as_predicted(tiny: TcmModel, moving: list[Planes]) -> None:
    (first, *_), *_ = code(tiny, moving)
    side = side_of(moving[1], 20, motion=True)
    assert side.motion is not None
    prediction = predict({NEAR: first.reconstruction}, side.motion)
    encoder = FrameEncoder(tiny.inter, moving[1], prediction, side, None)
    coded = np.zeros_like(side.coded)
    coded[2, 3] = True
    result = encoder.encode(coded)
    changed = block_error(result.reconstruction, prediction).numpy() > 0
    assert changed.sum() == 1
    assert changed[2, 3]
    nothing = encoder.encode(np.zeros_like(coded))
    assert not nothing.payload
    assert torch.equal(nothing.reconstruction.y, prediction.y)


def test_choosing_blocks_never_costs(tiny: TcmModel, moving: list[Planes]) -> None:
    (first, *_), *_ = code(tiny, moving)
    side = side_of(moving[1], 34, motion=True)
    assert side.motion is not None
    prediction = predict({NEAR: first.reconstruction}, side.motion)
    encoder = FrameEncoder(tiny.inter, moving[1], prediction, side, None)
    lmbda = encoder.lmbda.numpy() * 255.0**2 * 256

    def j(result: CodedLatents) -> float:
        return float((lmbda * block_error(result.reconstruction, moving[1]).numpy()).sum()) + result.y_bits

    assert j(encoder.encode(encoder.choose_coded())) <= 1.02 * j(encoder.encode())


def test_effort_1_lowers_the_rate(tiny: TcmModel, moving: list[Planes]) -> None:
    side = side_of(moving[0], 26, motion=False)
    plain, optimised = (FrameEncoder(tiny.key, moving[0], None, side, None, effort).encode() for effort in (0, 1))
    assert optimised.y_bits < plain.y_bits


def test_foreign_bytes_give_a_picture_or_an_error(tiny: TcmModel, moving: list[Planes]) -> None:
    rng = np.random.default_rng(3)
    side = side_of(moving[0], 26, motion=False)
    for _ in range(20):
        data = rng.integers(0, 256, int(rng.integers(4, 400)), dtype=np.uint8).tobytes()
        try:
            picture, _ = decode_latents(tiny.key, data[: len(data) // 4 * 4], None, side, None)
        except BitstreamError:
            continue
        assert 0 <= int(picture.y.min()) <= int(picture.y.max()) <= 1023
