"""Training crops as uint8 in memory, split into training and held-out pictures by source.

`prepare` decodes the AVIF crops once into one `.npy` file; several crops share a source picture, so the split goes by
source (the `index.csv` of the data set) and never by crop.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from codec.errors import InputError
from codec.files import atomic_path, make_folder, read_picture
from codec.jobs import Progress, no_progress

CROP_PX = 512
HELD_OUT_SHARE = 0.03
INDEX_COLUMNS = ("file", "repo", "source_path")
PREPARED = ("train.npy", "held_out.npy")
"""Files of decoded crops in the cache folder."""


def source_split(index_csv: Path) -> tuple[list[str], list[str]]:
    """File names for training and for validation: about 3 % of the source pictures are held out, chosen by hash."""
    try:
        with index_csv.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows, columns = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("the training index cannot be read", where=str(index_csv)) from error
    if lacking := [name for name in INDEX_COLUMNS if name not in columns]:
        raise InputError(f"the training index has no column {', '.join(lacking)}", where=str(index_csv))
    if any(row[name] is None for row in rows for name in INDEX_COLUMNS):
        raise InputError("a line of the training index is too short", where=str(index_csv))
    train: list[str] = []
    held_out: list[str] = []
    for row in rows:
        digest = hashlib.sha256(f"{row['repo']}/{row['source_path']}".encode()).digest()
        (held_out if int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32 else train).append(row["file"])
    return train, held_out


def prepare(data_dir: Path, cache_dir: Path, progress: Progress = no_progress) -> tuple[Path, Path]:
    """Decode `data_dir/train` into `train.npy` and `held_out.npy` of `(N, 512, 512, 3)` uint8; return their paths."""
    make_folder(cache_dir)
    paths = (cache_dir / PREPARED[0], cache_dir / PREPARED[1])
    names = source_split(data_dir / "train" / "index.csv")
    for path, files in zip(paths, names, strict=True):
        if path.exists():
            continue
        if not files:
            raise InputError("too few pictures for training and validation", where=str(data_dir / "train"))
        with atomic_path(path) as temporary:
            array = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(files), CROP_PX, CROP_PX, 3))
            for i, name in enumerate(files):
                array[i] = _read_crop(data_dir / "train" / name)
                progress((i + 1) / len(files), name)
            array.flush()
    return paths


def _read_crop(path: Path) -> np.ndarray:
    rgb = read_picture(path).rgb
    if rgb.shape != (CROP_PX, CROP_PX, 3):
        raise InputError(f"{rgb.shape[1]}x{rgb.shape[0]}, but crops are {CROP_PX}x{CROP_PX}", where=str(path))
    return rgb


@dataclass
class CropSource:
    """Random training crops from a uint8 array kept in memory, memory-mapped, or on the GPU.

    Attributes
    ----------
    pictures : torch.Tensor
        `(N, 512, 512, 3)` uint8, on the device where crops are wanted.
    height_px, width_px : int
        Size of a crop; multiples of 64.
    generator : torch.Generator
        Randomness of positions, flips and scales (CPU).
    """

    pictures: torch.Tensor
    height_px: int
    width_px: int
    generator: torch.Generator

    def _random(self, high: int) -> int:
        return int(torch.randint(high, (1,), generator=self.generator))

    def batch(self, size: int) -> torch.Tensor:
        """`(size, 3, height_px, width_px)` float crops in [-0.5, 0.5], flipped, turned and rescaled at random."""
        shrink = (1.0, 1.0, 1.0, 1.33, 1.66)[self._random(5)]  # one scale a batch keeps the crop one tensor
        turned = self._random(2) == 1 and shrink == 1.0
        h, w = round(self.height_px * shrink), round(self.width_px * shrink)
        if turned:
            h, w = w, h
        crops = []
        for _ in range(size):
            picture = self.pictures[self._random(self.pictures.shape[0])]
            top, left = self._random(picture.shape[0] - h + 1), self._random(picture.shape[1] - w + 1)
            crop = picture[top : top + h, left : left + w]
            crops.append(crop.flip(1) if self._random(2) else crop)
        x = torch.stack(crops).permute(0, 3, 1, 2).float() / 255.0 - 0.5  # (B, 3, h, w)
        if turned:
            x = x.transpose(2, 3)
        if shrink != 1.0:
            x = F.interpolate(x, (self.height_px, self.width_px), mode="bilinear", antialias=True, align_corners=False)
        return x.contiguous(memory_format=torch.channels_last)


def load_pictures(path: Path, device: torch.device, limit: int | None = None) -> torch.Tensor:
    """Memory-map a prepared file on CPU, or copy it whole to an accelerator."""
    try:
        array = np.load(path, mmap_mode="c" if device.type == "cpu" else None, allow_pickle=False)
        usable = array.dtype == np.uint8 and array.ndim == 4 and array.shape[3] == 3 and len(array) > 0
    except (OSError, ValueError, EOFError, AttributeError):
        usable = False
    if not usable:
        raise InputError("not a file of prepared crops", where=str(path), hint="`tnc train prepare` makes it")
    return torch.from_numpy(array[:limit]).to(device)
