"""The INR branch: a small network over-fitted to a block, coded as latents and differences to a shipped base."""

from codec.tnc.inr.api import default_base_id, fit_blocks, payload_info
from codec.tnc.inr.decode import decode_blocks
from codec.tnc.inr.options import FitOptions

__all__ = ["FitOptions", "decode_blocks", "default_base_id", "fit_blocks", "payload_info"]
