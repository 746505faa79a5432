"""Payloads: what is written is what is decoded, whatever the threads and the company."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.errors import BitstreamError, CodecError
from codec.jobs import CancelToken
from codec.tnc.inr.base import InrBase
from codec.tnc.inr.decode import _decode_latents, decode_blocks, deltas_of
from codec.tnc.inr.delta import apply_deltas
from codec.tnc.inr.payload import read_head, read_shared
from codec.tnc.inr.prune import prune
from codec.tnc.inr.weights import BlockBases
from tests.codec.tnc.inr.reference import decode_latents
from tests.codec.tnc.inr.samples import QPS16, written

SIZE = (72, 80)


def decoded(base: InrBase, fits, blocks=(0, 1, 2)) -> list[torch.Tensor]:
    return decode_blocks(
        [fits.blocks[i].payload for i in blocks], fits.shared, [SIZE] * len(blocks), [QPS16[i] for i in blocks],
        base_id=base.base_id, base=base,
    )  # fmt: skip


def test_pixels_are_those_of_the_encoder(base: InrBase) -> None:
    fits, _ = written(base)
    for pixels, block in zip(decoded(base, fits), fits.blocks, strict=True):
        assert pixels.shape == (3, *SIZE)
        torch.testing.assert_close(pixels, block.pixels, atol=1e-5, rtol=0)


@pytest.mark.parametrize("threads", [1, 4])
def test_latents_are_exact_on_any_number_of_threads_and_alone_or_together(base: InrBase, threads: int) -> None:
    fits, latents = written(base)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for blocks in ((0, 1, 2), (2,), (1, 0)):
            heads = [read_head(fits.blocks[i].payload, base.config) for i in blocks]
            common = read_shared(fits.shared, base.config)
            bases = BlockBases.of(base, [QPS16[i] for i in blocks])
            weights = apply_deltas(bases, [deltas_of(head, common) for head in heads])
            for variant in (weights, prune(weights)):
                fresh = [read_head(fits.blocks[i].payload, base.config) for i in blocks]
                q = _decode_latents(base.config, variant, fresh, SIZE, None)
                for row, i in enumerate(blocks):
                    for g, grid in enumerate(q):
                        assert torch.equal(grid[row], latents[i][g]), (blocks, i, g)
    finally:
        torch.set_num_threads(before)


def test_a_decoder_written_from_the_format_page_reads_the_same_latents(base: InrBase) -> None:
    size = (40, 36)
    fits, latents = written(base, size)
    for i in (0, 2):
        head = read_head(fits.blocks[i].payload, base.config)
        deltas = deltas_of(head, read_shared(fits.shared, base.config))
        weights = apply_deltas(BlockBases.of(base, [QPS16[i]]), [deltas])
        for mine, theirs in zip(
            decode_latents(base.config, weights, head.coder, head.empty, size), latents[i], strict=True
        ):
            np.testing.assert_array_equal(mine, theirs.numpy())


def test_ideal_bits_are_close_to_the_payload(base: InrBase) -> None:
    fits, _ = written(base)
    for block in fits.blocks:
        assert sum(block.bits.values()) == pytest.approx(8 * len(block.payload), rel=0.02, abs=24)
        latents = sum(cost for part, cost in block.bits.items() if part.startswith("latents"))
        assert block.bit_map.shape == (5, 5)
        assert block.bit_map.sum() == pytest.approx(latents, rel=0.2)  # coarse latents reach beyond the block


def test_an_empty_block_takes_its_head_alone(base: InrBase) -> None:
    from codec.tnc.inr.fitted import write_blocks

    zeros = [torch.zeros(*grid) for grid in base.config.sizes(*SIZE)]
    fits = write_blocks(base, QPS16[:1], {0: zeros}, {}, None)
    assert len(fits.blocks[0].payload) == 3
    assert fits.shared == b""
    flat = decode_blocks([fits.blocks[0].payload], b"", [SIZE], QPS16[:1], base_id=base.base_id, base=base)[0]
    inner = flat[:, 1:-1, 1:-1]  # the last layer sees zeros beyond the block
    assert float((inner - inner[:, :1, :1]).abs().max()) < 1e-5


def test_damage_gives_a_bitstream_error_or_a_picture(base: InrBase) -> None:
    fits, _ = written(base)
    rng = np.random.default_rng(1)
    payload = fits.blocks[2].payload
    damaged = [payload[:n] for n in range(0, len(payload), 97)]
    for _ in range(60):
        copy = bytearray(payload)
        for at in rng.integers(0, min(len(copy), 300), 3):
            copy[at] = rng.integers(256)
        damaged.append(bytes(copy))
    outcomes = set()
    for data in damaged:
        try:
            pixels = decode_blocks([data], fits.shared, [SIZE], QPS16[2:], base_id=base.base_id, base=base)[0]
            assert bool(torch.isfinite(pixels).all())
            outcomes.add("picture")
        except BitstreamError:
            outcomes.add("error")
    assert outcomes == {"picture", "error"}


def test_missing_parts_are_named(base: InrBase) -> None:
    fits, _ = written(base)
    payload = fits.blocks[0].payload
    with pytest.raises(BitstreamError, match="shared weights"):
        decode_blocks([payload], b"", [SIZE], QPS16[:1], base_id=base.base_id, base=base)
    with pytest.raises(BitstreamError, match="not installed"):
        decode_blocks([payload], fits.shared, [SIZE], QPS16[:1], base_id=b"none", base=base)


def test_decoding_can_be_cancelled(base: InrBase) -> None:
    fits, _ = written(base)
    token = CancelToken()
    token.cancel()
    with pytest.raises(CodecError, match="cancelled"):
        decode_blocks(
            [fits.blocks[0].payload], fits.shared, [SIZE], QPS16[:1], base_id=base.base_id, base=base, cancel=token
        )
