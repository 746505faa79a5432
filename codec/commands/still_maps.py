"""`--maps` of pictures: block maps as a statistics file for YUView and as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codec.blockmap import BlockMap


def write_maps(folder: Path | None, name: str, maps: Mapping[str, BlockMap], height_px: int, width_px: int) -> None:
    """Write NAME.csv and NAME_MAP.png of every map; nothing without a folder."""
    if folder is None:
        return
    from codec.blockmap_csv import write_yuview_csv
    from codec.files import make_folder
    from codec.map_png import write_map_png

    make_folder(folder)
    write_yuview_csv(maps.values(), folder / f"{name}.csv", name, height_px, width_px)
    for id_, block_map in maps.items():
        write_map_png(block_map, folder / f"{name}_{id_}.png", height_px, width_px)
