"""Look: tokens, palettes, icons. One file of tokens feeds all of them."""

from __future__ import annotations
