"""What an encode gives: a stream with all that is known of it, or an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codec.blockmap import BlockMap
from codec.picture import Picture
from codec.tnc.coded import BlockCost


@dataclass(frozen=True, eq=False)
class EncodeResult:
    """A stream and what its decoder makes of it.

    Attributes
    ----------
    stream : bytes
        The complete stream.
    reconstruction : Picture
        Decoded from `stream`.
    qp, lmbda : float
        Base QP and its lambda.
    model : str
        Name of the model.
    encode_s, decode_s : float
        Seconds of encoding (the decode left out) and of decoding.
    rd_bytes : int
        Bytes without ancillary sections: what rates are computed from.
    bits_by_part : mapping of str to int
        Bits of the header, the slices, the QP map ... in the stream.
    block_maps : mapping of str to BlockMap
        Per 16x16 px: "bits", "y_bits", "z_bits", "qp", "latent_energy", "mse", "psnr", "j"; with adaptive QP also "aq",
        its terms, and what it measured.
    """

    stream: bytes = field(repr=False)
    reconstruction: Picture
    qp: float
    lmbda: float
    model: str
    encode_s: float
    decode_s: float
    rd_bytes: int
    bits_by_part: Mapping[str, int]
    block_maps: Mapping[str, BlockMap] = field(repr=False)
    block_costs: tuple[BlockCost, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of the whole stream."""
        return len(self.stream)

    @property
    def bpp(self) -> float:
        """Bits per pixel, ancillary sections left out."""
        return 8.0 * self.rd_bytes / self.reconstruction.pixels


@dataclass(frozen=True, eq=False)
class Preview:
    """An estimate without a stream.

    Attributes
    ----------
    picture : Picture
        The window.
    bpp_estimate : float
        Ideal bits per pixel of the 64-px units that the window touches.
    qp : float
        Base QP.
    block_maps : mapping of str to BlockMap
        "bits", "y_bits", "z_bits" and "qp" of the window's 16x16 blocks; the first one holds its top left pixel.
    """

    picture: Picture
    bpp_estimate: float
    qp: float
    block_maps: Mapping[str, BlockMap] = field(repr=False, default_factory=dict)
