from __future__ import annotations

import argparse
import shlex

import numpy as np
import pytest

from codec.aq.settings import AqScales
from codec.commands import encode
from codec.commands.clip_encode import settings_of
from codec.commands.line import clip_encode_line, encode_line
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.settings import VideoEncodeSettings
from codec.tnc.settings import EncodeSettings


@pytest.mark.parametrize(
    "settings",
    [
        EncodeSettings(),
        EncodeSettings(qp=27.0625, effort=1, model="small"),
        EncodeSettings(lmbda=0.0123456789),
        EncodeSettings(target_bpp=0.35, aq=0.7, aq_scales=AqScales(noise=0, texture=1.5)),
        EncodeSettings(target_psnr_db=38.5, analysis=False),
        EncodeSettings(target_bytes=12345),
        EncodeSettings(qp=30, qp_map=np.ones((2, 3))),
    ],
)
def test_the_command_line_reads_back_as_the_settings(settings: EncodeSettings) -> None:
    line = encode_line(settings, "my picture.png", "out.tnc", "map.csv")
    parser = argparse.ArgumentParser()
    encode.add_arguments(parser)
    args = parser.parse_args(shlex.split(line)[2:])
    again = EncodeSettings(
        qp=args.qp, lmbda=args.lmbda, target_bpp=args.bpp, target_psnr_db=args.psnr, target_bytes=args.size,
        qp_map=settings.qp_map, aq=args.aq, aq_scales=AqScales.of(dict(args.aq_term)), effort=args.effort or 0,
        model=args.model, analysis=args.analysis is not False,
    )  # fmt: skip
    assert ([str(path) for path in args.inputs], str(args.output)) == (["my picture.png"], "out.tnc")
    assert (args.qp_map is not None) == (settings.qp_map is not None)
    assert again.fixed_qp == settings.fixed_qp
    for name in ("target_bpp", "target_psnr_db", "target_bytes", "aq", "aq_scales", "effort", "model", "analysis"):
        assert getattr(again, name) == getattr(settings, name)


def test_branches_and_forced_blocks() -> None:
    settings = EncodeSettings(branch="inr", inr_iterations=500, force_blocks={(1, 0): "vae", (0, 2): "inr"})
    line = encode_line(settings, "a.png", "a.tnc")
    assert line.endswith("--qp 32 --branch inr --inr-iterations 500 --force-block 0,2=inr --force-block 1,0=vae")


@pytest.mark.parametrize(
    "settings",
    [
        VideoEncodeSettings(qp=32),
        VideoEncodeSettings(qp=27.0625, effort=2, key_offset=-3.25, keep_interval=0, keep_offset=1.5, first=4, stop=9),
        VideoEncodeSettings(lmbda=0.0123456789, first=3, checksums=False, analysis=True),
        VideoEncodeSettings(
            qp=40, lookahead=LookaheadSettings(0.4, 1.2, 0.3, AqScales(noise=0, texture=1.5), 20, 0.1, 5, 30)
        ),
    ],
)
def test_the_command_line_of_a_clip_reads_back_as_the_settings(settings: VideoEncodeSettings) -> None:
    line = clip_encode_line(settings, "my clip.yuv", "out.tcm", {"--size": "352x288", "--fps": "30000/1001"})
    parser = argparse.ArgumentParser()
    encode.add_arguments(parser)
    args = parser.parse_args(shlex.split(line)[2:])
    assert settings_of(args) == settings
    assert (args.inputs, args.output, args.size, float(args.fps)) == (
        ["my clip.yuv"], "out.tcm", (352, 288), pytest.approx(29.97, abs=0.01),
    )  # fmt: skip
