"""TNC Studio's codec library: the TNC picture codec, the TCM video codec, anchors and metrics. No Qt, no printing.

Heavy modules (torch) are imported on first use, so that `import codec` and `tnc --help` are quick.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# libgomp threads that spin at barriers starve everything else on a busy machine; must be set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_LAZY = {
    "encode_image": "codec.tnc.api",
    "decode_image": "codec.tnc.api",
    "inspect": "codec.tnc.api",
    "EncodeSettings": "codec.tnc.settings",
    "EncodeResult": "codec.tnc.api",
    "StreamInfo": "codec.tnc.api",
    "encode_video": "codec.tcm.api",
    "decode_video": "codec.tcm.api",
    "inspect_video": "codec.tcm.api",
    "VideoDecoder": "codec.tcm.api",
    "VideoEncodeSettings": "codec.tcm.api",
    "VideoEncodeResult": "codec.tcm.api",
    "Picture": "codec.picture",
    "CodecError": "codec.errors",
    "CancelToken": "codec.jobs",
    "resource": "codec.resources",
}

__all__ = ["__version__", *_LAZY]

if TYPE_CHECKING:
    from codec.errors import CodecError as CodecError
    from codec.jobs import CancelToken as CancelToken
    from codec.picture import Picture as Picture
    from codec.resources import resource as resource
    from codec.tcm.api import VideoDecoder as VideoDecoder
    from codec.tcm.api import VideoEncodeResult as VideoEncodeResult
    from codec.tcm.api import VideoEncodeSettings as VideoEncodeSettings
    from codec.tcm.api import decode_video as decode_video
    from codec.tcm.api import encode_video as encode_video
    from codec.tcm.api import inspect_video as inspect_video
    from codec.tnc.api import EncodeResult as EncodeResult
    from codec.tnc.api import StreamInfo as StreamInfo
    from codec.tnc.api import decode_image as decode_image
    from codec.tnc.api import encode_image as encode_image
    from codec.tnc.api import inspect as inspect
    from codec.tnc.settings import EncodeSettings as EncodeSettings


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'codec' has no attribute {name!r}")
