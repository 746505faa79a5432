"""Counted work: a model small enough to count by hand, and the budgets."""

from __future__ import annotations

import pytest

from codec.tnc.complexity import DECODER_PARTS, count_macs
from codec.tnc.config import CONFIGS, SMALL, TINY, ModelConfig


def test_a_tiny_model_counted_by_hand() -> None:
    assert (TINY.y_channels, TINY.z_channels, TINY.groups, TINY.hyper_width) == (16, 8, (4, 12), 16)

    def inverted(width: int) -> int:
        return 2 * width * 2 * width + 9 * 2 * width

    # MACs per position of 16x16, 8x8, 32x32 or 64x64 px.
    analysis = (768 * 16 + 32 * 16 + inverted(16) + 16 * 16) / 256 + (192 * 8 + inverted(8)) / 64
    hyper_analysis = (33 * 16 + inverted(16)) / 256 + 64 * 16 / 1024 + 64 * 8 / 4096
    hyper_decoder = 8 * 64 / 4096 + (9 * 16 + 16 * 64) / 1024 + (9 * 16 + 17 * 16 + 16 * 16) / 256
    passes = [(17, 4), (21, 4), (21, 12), (33, 12)]  # inputs and outputs of each
    context = sum(cin * 16 + 9 * 16 + 16 * 16 + 16 * cout for cin, cout in passes) / 256
    context += sum((cin - 1) * 16 + 9 * 16 + 16 * 16 + 16 * cout for cin, cout in passes) / 256
    synthesis = (16 * 768 + 17 * 16 + 2 * 8 * 8 + 9 * 8 + 16 * 32) / 256 + (2 * 4 * 4 + 9 * 4 * 4 + 9 * 8 * 192) / 64
    expected = {
        "analysis": analysis,
        "hyper_analysis": hyper_analysis,
        "hyper_decoder": hyper_decoder,
        "context": context,
        "synthesis": synthesis,
    }
    counted = count_macs(TINY)
    assert {part: 1000 * kmac for part, kmac in counted.by_part.items()} == pytest.approx(expected)
    assert counted.decoder_kmac_per_px == pytest.approx((hyper_decoder + context + synthesis) / 1000)
    assert counted.encoder_kmac_per_px == pytest.approx((analysis + hyper_analysis + hyper_decoder + context) / 1000)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=lambda config: config.name)
def test_every_decoder_keeps_the_budget(config: ModelConfig) -> None:
    counted = count_macs(config)
    assert set(DECODER_PARTS) < set(counted.by_part)
    assert counted.decoder_kmac_per_px < 50
    assert counted.by_part["synthesis"] <= 32
    assert counted.by_part["hyper_decoder"] <= 4
    assert counted.by_part["context"] <= 10
    assert 2 * len(config.groups) <= 10  # passes of the context


def test_small_keeps_its_budget_for_both_ends() -> None:
    counted = count_macs(SMALL)
    assert counted.decoder_kmac_per_px + counted.encoder_kmac_per_px <= 20


def test_installed_models_keep_the_budget(shipped) -> None:
    assert shipped.complexity.decoder_kmac_per_px < 50
    if shipped.config.name == "small":
        assert shipped.complexity.decoder_kmac_per_px + shipped.complexity.encoder_kmac_per_px <= 20
