"""SSIMULACRA 2.1 (Sneyers, Cloudinary, 2023), written from the published definition.

Six scales, halved in linear light, of X, Y and B-Y; on each an SSIM error without the luminance denominator and two
maps of edges that appeared and edges that got lost; of all maps the 1-norm and the 4-norm; a weighted sum of these 108
figures, bent so that it follows opinion scores. 100 is identical, 90 visually lossless, 70 high, 50 medium, 30 low
quality; very bad pictures fall below zero. Checked against scores of the authors' program in the tests.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from codec.metrics.psnr import check_comparable
from codec.picture import Picture

SCALES = 6
SMALLEST_PX = 8
SIGMA_PX = 1.5
C2 = 0.0009
"""SSIM's constant for the variances."""

OPSIN = np.array(
    [
        [0.30, 1 - 0.30 - 0.078, 0.078],
        [0.23, 1 - 0.23 - 0.078, 0.078],
        [0.24342268924547819, 0.20476744424496821, 1 - 0.24342268924547819 - 0.20476744424496821],
    ],
    np.float32,
)
"""Linear sRGB to the responses of JPEG XL's long, medium and short cones."""
BIAS = np.float32(0.0037930732552754493)

# Sparse: (component, scale, norm, map) in this order, three maps per norm (SSIM, added edges, lost edges).
# fmt: off
WEIGHTS = np.array([
    0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0,
    0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752,
    0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0,
    0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0,
    0.0007289346991508072, 0.9677937080626833, 0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
    0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0,
    0, 0, 0, 7.466890328078848, 0, 17.445833984131262,
    0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
    0, 0, 0, 34.77906344483772, 44.835625328877896, 0,
    0, 0, 0, 0, 0, 0,
    0, 0.0008680556573291698, 0, 0, 0, 0,
    0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0,
    0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0,
    0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0,
    95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0012286405048278493, 171.2667255897307,
    0.9807858872435379,
    0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537,
])
# fmt: on


def ssimulacra2(reference: Picture, picture: Picture) -> float | None:
    """SSIMULACRA 2 of an 8-bit or deeper sRGB or grey picture, at most 100; None where a side is under 8 px."""
    check_comparable(reference, picture)
    if min(reference.width_px, reference.height_px) < SMALLEST_PX:
        return None
    if all(np.array_equal(a, b) for a, b in zip(reference.planes, picture.planes, strict=True)):
        return 100.0  # rounding would leave it a hair below
    linear = [_linear(reference), _linear(picture)]
    norms = [_norms(*(_components(one) for one in linear))]
    while len(norms) < SCALES and min(linear[0].shape[:2]) >= SMALLEST_PX:
        linear = [_halved(one) for one in linear]
        norms.append(_norms(*(_components(one) for one in linear)))
    figures = np.stack(norms, axis=1).ravel()  # component, scale, norm, map
    # A small picture has fewer scales; the authors' program then reads its weights from the front, and so do we.
    return _score(float(WEIGHTS[: figures.size] @ figures))


def _score(total: float) -> float:
    """Bend the weighted sum into the scale of opinion scores."""
    x = 0.9562382616834844 * total
    x = 2.326765642916932 * x - 0.020884521182843837 * x * x + 6.248496625763138e-05 * x * x * x
    return 100.0 - 10.0 * x**0.6276336467831387 if x > 0 else 100.0


def _linear(picture: Picture) -> np.ndarray:
    """SRGB samples as linear light in 0..1, float32 `(H, W, 3)`."""
    levels = np.arange(picture.peak + 1) / picture.peak
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[picture.rgb]


def _components(linear: np.ndarray) -> np.ndarray:
    """X, Y and B-Y, scaled and shifted into about 0..1."""
    cones = np.cbrt(np.maximum(linear @ OPSIN.T + BIAS, 0)) - np.cbrt(BIAS)
    long, medium, short = cones[..., 0], cones[..., 1], cones[..., 2]
    x, y = (long - medium) / 2, (long + medium) / 2
    return np.stack([14 * x + np.float32(0.42), y + np.float32(0.01), short - y + np.float32(0.55)], axis=-1)


def _halved(image: np.ndarray) -> np.ndarray:
    """2x2 means; odd sides repeat their last row or column."""
    height, width = image.shape[:2]
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return (even[0::2, 0::2] + even[0::2, 1::2] + even[1::2, 0::2] + even[1::2, 1::2]) * np.float32(0.25)


def _norms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1-norm and 4-norm of the three error maps of each component: `(3, 2, 3)`, the last axis being the maps."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a * mean_a, _blur(b * b) - mean_b * mean_b
    cov = _blur(a * b) - mean_a * mean_b
    similar = (1 - (mean_a - mean_b) ** 2) * (2 * cov + C2) / (var_a + var_b + C2)
    edges = (1 + np.abs(b - mean_b).astype(np.float64)) / (1 + np.abs(a - mean_a).astype(np.float64)) - 1
    maps = [np.maximum(1 - similar.astype(np.float64), 0), np.maximum(edges, 0), np.maximum(-edges, 0)]
    mean = np.stack([one.mean(axis=(0, 1)) for one in maps], axis=-1)
    fourth = np.stack([np.square(np.square(one)).mean(axis=(0, 1)) for one in maps], axis=-1) ** 0.25
    return np.stack([mean, fourth], axis=1)


def _blur(image: np.ndarray) -> np.ndarray:
    """Blur with zeros outside the picture, as the authors' program does."""
    import cv2

    kernel = _kernel()
    return cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)


@cache
def _kernel() -> np.ndarray:
    """Taps of the authors' recursive filter: three truncated cosines that stand for a Gaussian.

    Charalampidis, "Recursive implementation of the Gaussian filter using truncated cosine functions" (2016); numbers
    in brackets are its equations. The filter forgets everything beyond its radius, so its taps say all of it.
    """
    radius = round(3.2795 * SIGMA_PX + 0.2546)  # (57)
    omega = np.pi / (2 * radius) * np.array([1, 3, 5])
    sign = np.array([1, -1, 1])
    p = sign / np.tan(omega / 2)  # (37)
    r = sign * p * p / np.sin(omega)  # (44)
    rho = np.exp(-0.5 * SIGMA_PX**2 * omega**2) / radius  # (50)
    d_13, d_35, d_51 = (p[i] * r[j] - r[i] * p[j] for i, j in ((0, 1), (1, 2), (2, 0)))
    zeta = np.array([d_35 / d_13, d_51 / d_13, 1])  # (52)
    beta = np.linalg.solve(np.stack([p, r, zeta]), np.array([1, radius**2 - SIGMA_PX**2, zeta @ rho]))  # (53) to (56)
    offsets = np.arange(-radius + 1, radius)
    taps = np.cos(omega[:, None] * offsets).T @ beta
    return (taps / taps.sum()).astype(np.float32)
