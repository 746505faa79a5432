"""Make the golden material: run it only on purpose, when the format or the networks' arithmetic change by design.

    python -m tests.golden.make_golden tiny       # frozen tiny model, its streams, symbols and pictures
    python -m tests.golden.make_golden shipped    # stream and picture of every shipped model; after new weights

The tiny model never changes with the shipped weights: it holds the format and the integer arithmetic in place. Its
weights are random, but chosen so that symbols spread over many tables. `tiny` writes

* `tiny.safetensors`: the model,
* `<case>.tnc`, `<case>.png`: a stream and what its decoder made of it,
* `expected.json`: per case, hashes of all symbols and of all table indices in coding order.

`shipped` writes `shipped/<entropy_id>-<synthesis_id>.tnc` and `.png`, and removes those of models that are gone.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch

from codec.files import read_picture, write_picture
from codec.picture import Picture
from codec.resources import resource
from codec.stream import read_stream
from codec.tnc.config import TINY
from codec.tnc.encoder import ImageEncoder
from codec.tnc.model import TncModel
from codec.tnc.models import available_models, load_file
from codec.tnc.settings import EncodeSettings
from codec.tnc.weights import write_weights
from tests.golden.cases import CASES, FOLDER, SHIPPED, SHIPPED_QP, TINY_FILE, Case, shipped_crop, trace

SEED = 20


def synthetic(height_px: int, width_px: int, *, grey: bool, seed: int) -> Picture:
    """Smooth colours, an edge, a fine grating and noise: something for every kind of coefficient."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:height_px, 0:width_px]
    planes = []
    for channel in range(1 if grey else 3):
        value = 128 + 60 * np.sin(rows / 17 + channel) * np.cos(cols / 23 - channel)
        value = value + 50 * (cols * 2 > rows + width_px / 2) + 15 * np.sin(cols * 1.3) * (rows > height_px / 2)
        planes.append(value + rng.normal(0, 4, value.shape))
    samples = np.clip(np.stack(planes, -1).round(), 0, 255).astype(np.uint8)
    return Picture.from_array(samples[..., 0] if grey else samples, name=f"synthetic {seed}")


def random_model() -> TncModel:
    """A tiny model in which every layer does something, started from the DCT of synthetic pictures."""
    torch.manual_seed(SEED)
    model = TncModel(TINY)
    pictures = [synthetic(128, 128, grey=False, seed=seed).rgb for seed in range(8)]
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255 - 0.5
    model.start_from_dct(batch)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("change.weight"):
                p.normal_(0, 0.15)
            elif name.startswith(("context.", "synthesis.leave", "analysis.leave")) and "leave.weight" in name:
                p.normal_(0, 0.02 if name.startswith("synthesis") else 0.1)
            elif name.endswith((".weight1", ".identity")) or (name.endswith(".bias") and "index16" not in name):
                p.add_(torch.randn_like(p) * 0.05)
        model.hyper_decoder.index16.weight.normal_(0, 0.6)
        model.gains.forward_log2.normal_(0, 0.15)
        model.gains.inverse_log2.normal_(0, 0.02)
        model.hyper_prior.log_scale.add_(torch.randn_like(model.hyper_prior.log_scale) * 0.7)
    return model.eval()


def settings_of(case: Case) -> EncodeSettings:
    """Settings of a golden case; the QP map falls from -6 to +6 from left to right."""
    qp_map = None
    if case.qp_map:
        rows, cols = -(-case.height_px // 16), -(-case.width_px // 16)
        qp_map = np.tile(np.linspace(-6, 6, cols).round().astype(int), (rows, 1))
    return EncodeSettings(qp=case.qp, qp_map=qp_map, analysis=False)


def make_tiny() -> None:
    """Write the tiny model and everything that follows from it."""
    write_weights(random_model(), TINY_FILE)
    model = load_file(TINY_FILE, torch.device("cpu"))
    expected = {}
    for seed, (name, case) in enumerate(CASES.items()):
        picture = synthetic(case.height_px, case.width_px, grey=case.grey, seed=seed)
        encoder = ImageEncoder(picture, model=model, slice_units=case.slice_units)
        result = encoder.encode(settings_of(case))
        (FOLDER / f"{name}.tnc").write_bytes(result.stream)
        write_picture(result.reconstruction, FOLDER / f"{name}.png")
        expected[name] = trace(read_stream(result.stream), model).to_json()
        print(name, result.bytes, expected[name])
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def make_shipped() -> None:
    """Write the goldens of the models that are installed now."""
    SHIPPED.mkdir(exist_ok=True)
    for old in SHIPPED.iterdir():
        old.unlink()
    picture = shipped_crop(read_picture(resource("samples/street.png")))
    for card in available_models():
        encoder = ImageEncoder(picture, model=card.name, device="cpu")
        result = encoder.encode(EncodeSettings(qp=SHIPPED_QP, analysis=False))
        stem = f"{card.entropy_id}-{card.synthesis_id}"
        (SHIPPED / f"{stem}.tnc").write_bytes(result.stream)
        write_picture(result.reconstruction, SHIPPED / f"{stem}.png")
        print(card.name, stem, result.bytes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tiny", "shipped"))
    {"tiny": make_tiny, "shipped": make_shipped}[parser.parse_args().what]()
