"""Training of P frames on samples that the codec made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from codec.quality import QP_STEPS, lmbda_of_qp
from codec.tcm.model import TcmNet
from codec.tcm.planes import PEAK
from codec.training.loop import Optimisation, TrainOptions
from codec.training.stages import Cost, snap
from codec.training.video.cost import block_distortion, video_cost
from codec.training.video.pairs import Samples

JITTER_QP = 2.0
"""QPs of a sample are moved by up to this much: its reference is still of about that quality."""
ALL_CODED_SHARE = 0.25
"""Share of batches in which every block is coded, whatever the encoder had chosen."""
CODED_FLAG = 512


class Batch:
    """Tensors of some samples."""

    def __init__(self, samples: Samples, chosen: Sequence[int], device: torch.device) -> None:
        index = list(chosen)

        def samples_of(array: np.ndarray) -> torch.Tensor:
            return (torch.from_numpy(array[index].astype(np.float32)).to(device) - 512.0) / 1024.0

        self.x, self.prediction = samples_of(samples.x), samples_of(samples.prediction)
        self.prior = torch.from_numpy(samples.prior[index].astype(np.float32)).to(device)
        self.qp_map = torch.from_numpy(samples.qp16_map[index].astype(np.float32)).to(device) / QP_STEPS
        self.base_qp = torch.from_numpy(samples.base_qp16[index].astype(np.float32)).to(device) / QP_STEPS
        self.coded = torch.from_numpy(samples.coded[index]).to(device)

    def shift_qp(self, shift: torch.Tensor) -> None:
        """Move the QPs of every sample by `(B,)`, in sixteenths of a QP."""
        self.qp_map = (self.qp_map + shift[:, None, None]).clamp(0, 63)
        self.base_qp = (self.base_qp + shift).clamp(0, 63)
        self.prior[..., -1] = torch.round(self.qp_map * QP_STEPS)

    def code_all(self) -> None:
        """Let every block have symbols."""
        self.coded = torch.ones_like(self.coded)
        self.prior[..., -2] = CODED_FLAG


class InterTrainer(Optimisation[TcmNet]):
    """Training of the network of P frames."""

    def __init__(self, model: TcmNet, samples: Samples, options: TrainOptions) -> None:
        super().__init__(model, options)
        self.samples = samples

    def cost(self) -> Cost:
        """Cost of a random batch."""
        count = self.options.batch
        chosen = torch.randint(len(self.samples.x), (count,), generator=self.generator).tolist()
        batch = Batch(self.samples, chosen, self.device)
        batch.shift_qp(snap((torch.rand(count, generator=self.generator) * 2 - 1) * JITTER_QP).to(self.device))
        if float(torch.rand((), generator=self.generator)) < ALL_CODED_SHARE:
            batch.code_all()
        result = self.model(batch.x, batch.prediction, batch.prior, batch.qp_map, batch.base_qp, batch.coded)
        return video_cost(result, batch.x, batch.qp_map, batch.base_qp, batch.coded)


@torch.no_grad()
def evaluate(net: TcmNet, samples: Samples, count: int = 48) -> dict[str, float]:
    """Mean J of held-out samples relative to leaving every block as predicted, by third of the QP range; and bpp.

    Blocks that the encoder left out count as predicted.
    """
    figures: dict[str, list[float]] = {}
    for i in range(0, min(count, len(samples.x))):
        batch = Batch(samples, [i], torch.device("cpu"))
        result = net(batch.x, batch.prediction, batch.prior, batch.qp_map, batch.base_qp, batch.coded)
        lmbda = torch.tensor([lmbda_of_qp(float(q)) for q in batch.qp_map.flatten()]).view_as(batch.qp_map)
        pixels = 256 * batch.coded.numel()
        bpp = float(result.y_bits.sum() + result.z_bits.sum()) / pixels
        skipped = float((lmbda * 255.0**2 * block_distortion(batch.prediction, batch.x)).mean())
        kept = torch.where(batch.coded[:, None], result.picture.clamp(-0.5, PEAK / 1024 - 0.5), batch.prediction)
        j = float((lmbda * 255.0**2 * block_distortion(kept, batch.x)).mean()) + bpp
        band = "low" if batch.base_qp < 28 else "mid" if batch.base_qp < 36 else "high"
        figures.setdefault(f"j_{band}", []).append(j)
        figures.setdefault(f"skip_{band}", []).append(skipped)
        figures.setdefault(f"bpp_{band}", []).append(bpp)
    return {name: float(np.mean(values)) for name, values in sorted(figures.items())}


__all__ = ["Batch", "InterTrainer", "evaluate"]
