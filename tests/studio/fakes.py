"""Stand-ins where a test is about the window and not about the codec: a JPEG file plays the TNC stream."""

from __future__ import annotations

import io
import threading
import time
from types import SimpleNamespace

import numpy as np
from PIL import Image

from codec.blockmap import BlockMap
from codec.errors import BitstreamError, CodecError
from codec.metrics.measure import measure
from codec.picture import Picture
from codec.quality import lmbda_of_qp
from codec.run import Run
from codec.tnc.settings import EncodeSettings
from tnc_studio.model.settings import describe
from tnc_studio.services.encoder import EARLY


def jpeg(picture: Picture, qp: float) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(picture.rgb)).save(buffer, "JPEG", quality=int(np.clip(100 - 1.8 * (qp - 10), 2, 98)))
    return buffer.getvalue()


def from_jpeg(data: bytes) -> Picture:
    try:
        return Picture.from_array(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    except OSError as error:
        raise BitstreamError("not a stream") from error


class FakeEncoder:
    def __init__(self, picture: Picture, factory: FakeFactory) -> None:
        self.picture, self.factory = picture, factory

    def encode(self, settings, *, progress, cancel, stop=None):
        while not self.factory.gate.wait(0.01) and not (stop is not None and stop.cancelled):
            pass
        cancel.check()
        if self.factory.error is not None:
            raise self.factory.error
        progress(0.5, "halfway")
        qp = settings.fixed_qp
        if qp is None:
            qps = np.arange(10, 50, 0.25)
            target = settings.target_bytes or (settings.target_bpp or 1.0) * self.picture.pixels / 8
            qp = float(min(qps, key=lambda q: abs(len(jpeg(self.picture, q)) - target)))
        stream = jpeg(self.picture, qp)
        self.factory.encoded.append(qp)
        self.factory.settings.append(settings)
        rows, cols = -(-self.picture.height_px // 16), -(-self.picture.width_px // 16)
        values = np.arange(rows * cols, dtype=np.float64).reshape(rows, cols)
        maps = {
            "bits": BlockMap("bits", "Bits", "bit", (16, 16), values),
            "qp": BlockMap("qp", "QP", "", (16, 16), np.full((rows, cols), qp)),
        }
        return SimpleNamespace(
            stream=stream,
            reconstruction=from_jpeg(stream),
            qp=qp,
            block_maps=maps,
            bpp=8 * len(stream) / self.picture.pixels,
            rd_bytes=len(stream),
            model="small",
            lmbda=lmbda_of_qp(qp),
        )

    def preview(self, qp, *, qp_map=None, window=None, cancel=None):
        data = jpeg(self.picture, qp)
        picture = from_jpeg(data)
        time.sleep(self.factory.preview_s)
        bpp = 8 * len(data) / self.picture.pixels
        self.factory.previewed.append((qp, window))
        shown = picture.crop(*window) if window else picture
        rows, cols = -(-shown.height_px // 16), -(-shown.width_px // 16)
        maps = {"bits": BlockMap("bits", "Bits", "bit", (16, 16), np.full((rows, cols), -1.0))}
        return SimpleNamespace(picture=shown, bpp_estimate=bpp, block_maps=maps)

    def offsets(self, settings):
        return settings.qp_map


class FakeFactory:
    """An `EncoderFactory`; `gate` holds encodes back, `error` makes them fail."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: CodecError | None = None
        self.encoded: list[float] = []
        self.settings: list[EncodeSettings] = []
        self.preview_s = 0.0
        self.decoders: tuple[str, ...] = ("psnr",)
        self.decoded_by: list[str] = []
        self.previewed: list[tuple[float, object]] = []

    def models(self):
        return [SimpleNamespace(name="small", kmac_per_px=12.3), SimpleNamespace(name="main", kmac_per_px=45.6)]

    def open(self, picture, model, progress, cancel):
        return FakeEncoder(picture, self)

    def run(self, result, picture, settings, *, early=False):
        size = len(result.stream)
        metrics = {"quality": result.qp, "bytes": float(size), "bpp": 8 * size / picture.pixels}
        metrics |= {k: v for k, v in measure(picture, result.reconstruction).items() if v is not None}
        metrics |= {"encode_s": 0.1, "decode_s": 0.1}
        return Run(
            codec="tnc",
            label="TNC",
            source_hash=picture.source_hash,
            settings={"quality": result.qp, "settings": describe(settings)} | ({EARLY: True} if early else {}),
            versions={"model": "small"},
            stream=result.stream,
            reconstruction=result.reconstruction,
            metrics=metrics,
            block_maps=result.block_maps,
        )

    def decode(self, stream, progress, cancel, decoder="psnr"):
        self.decoded_by.append(decoder)
        return from_jpeg(stream)

    def measure(self, stream, progress, cancel):
        return SimpleNamespace(picture=from_jpeg(stream), block_maps={}, elements=(), bits=8 * len(stream))

    def inspect(self, stream):
        from_jpeg(stream)
        return SimpleNamespace(qp=30.0, model="small", rd_bytes=len(stream), decoders=self.decoders)
