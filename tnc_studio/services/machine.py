"""Device and threads: what the machine has, and how the settings are put into effect."""

from __future__ import annotations

import os
from collections.abc import Mapping

from codec.errors import SettingsError
from tnc_studio.model.preferences import AUTO_THREADS, DEVICE, MEMORY, THREADS
from tnc_studio.services.encoder import TncFactory
from tnc_studio.services.jobs import limit_torch_threads
from tnc_studio.services.studio import Studio


def device_text() -> str:
    """What there is to run networks on."""
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return f"{torch.cuda.get_device_name()}, {free >> 20} of {total >> 20} MiB free"
    return f"no CUDA device; {os.cpu_count()} CPU cores"


def apply_preferences(studio: Studio, values: Mapping[str, int | str]) -> None:
    """Put device, threads and memory cap into effect; a changed device encodes the open picture again.

    Raises
    ------
    SettingsError
        If the chosen device is not there; everything else is in effect then.
    """
    import torch

    threads = int(values[THREADS.id])
    if threads == AUTO_THREADS:
        limit_torch_threads()
    else:
        torch.set_num_threads(threads)
    studio.set_memory_limit(int(values[MEMORY.id]) << 20)
    device = str(values[DEVICE.id])
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("no CUDA device is available", hint="networks stay where they were")
    if isinstance(studio.factory, TncFactory) and studio.factory.device != device:
        studio.factory.device = device
        studio.tnc.forget_encoders()
        if studio.session.source is not None:
            studio.restart()
