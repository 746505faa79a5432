"""Which blocks are coded by which branch, and how they meet: payload of the section "branches"."""

from __future__ import annotations

from dataclasses import dataclass

from codec.errors import BitstreamError, InputError
from codec.stream.blocks import MAX_BLOCKS

INR_ONLY, MIXED = 1, 2
MAX_GUARD = 2
MAX_SEAM_STRENGTH = 3
BASE_ID_BYTES = 4
_BYTES = 1 + BASE_ID_BYTES + 1


@dataclass(frozen=True)
class Branches:
    """Contents of the section.

    Attributes
    ----------
    inr : tuple of bool
        Per block in raster order: whether it is over-fitted (INR) rather than coded by the VAE; at least one is.
    base_id : bytes
        First four bytes of the hash of the base that the over-fitted networks start from.
    guard : int
        Latents around VAE blocks that are sent although they lie in an INR block, 0..2; 0 if every block is INR.
    seam_strength : int
        Of the filter over edges of INR blocks, 0 (off) to 3.
    """

    inr: tuple[bool, ...]
    base_id: bytes
    guard: int = 0
    seam_strength: int = 0

    @property
    def inr_only(self) -> bool:
        """Whether every block is over-fitted: the stream then has no slices."""
        return all(self.inr)

    @property
    def inr_count(self) -> int:
        """Number of over-fitted blocks, and of their sections."""
        return sum(self.inr)


def encode_branches(branches: Branches) -> bytes:
    """Payload of the section.

    Raises
    ------
    InputError
        If a field does not fit its place.
    """
    valid = (
        0 < len(branches.inr) <= MAX_BLOCKS
        and any(branches.inr)
        and len(branches.base_id) == BASE_ID_BYTES
        and 0 <= branches.guard <= (0 if branches.inr_only else MAX_GUARD)
        and 0 <= branches.seam_strength <= MAX_SEAM_STRENGTH
    )
    if not valid:
        raise InputError(f"the stream format cannot carry {branches}", where="branches")
    mode = INR_ONLY if branches.inr_only else MIXED
    chosen = sum(bit << i for i, bit in enumerate(branches.inr))
    return bytes([mode | branches.guard << 2 | branches.seam_strength << 4]) + branches.base_id + bytes([chosen])


def decode_branches(payload: bytes, block_count: int) -> Branches:
    """Contents of a payload for a picture of so many blocks.

    Raises
    ------
    BitstreamError
        If the payload cannot come from `encode_branches`.
    """
    if len(payload) != _BYTES:
        raise BitstreamError(f"it has {len(payload)} bytes instead of {_BYTES}", section="branches")
    mode, guard, strength, rest = payload[0] & 3, payload[0] >> 2 & 3, payload[0] >> 4 & 3, payload[0] >> 6
    chosen = payload[-1]
    if mode not in (INR_ONLY, MIXED) or guard > MAX_GUARD or rest:
        raise BitstreamError(f"its first byte, 0x{payload[0]:02x}, makes no sense", section="branches")
    everything = (1 << block_count) - 1
    fits = chosen == everything and not guard if mode == INR_ONLY else 0 < chosen < everything
    if not fits:
        raise BitstreamError(f"its choice 0x{chosen:02x} does not fit {block_count} blocks", section="branches")
    return Branches(tuple(bool(chosen >> i & 1) for i in range(block_count)), payload[1:-1], guard, strength)
