"""Which block maps can lie over the panes: those of encodes, and those planned for the present settings."""

from __future__ import annotations

from codec.blockmap import BlockMap
from tnc_studio.model.offsets import BLOCK_PX
from tnc_studio.model.renditions import ORIGINAL
from tnc_studio.model.session import Session


def overlay_map(session: Session, rendition_id: str) -> BlockMap | None:
    """Chosen block map as it lies over a rendition: its own, else a planned one on our codec and the original."""
    map_id = session.overlay.map_id
    if not map_id:
        return None
    rendition, planned = session.rendition(rendition_id), session.plan_maps.get(map_id)
    own = rendition.block_map(map_id)
    if rendition_id not in (session.own_id, ORIGINAL) or (own is not None and map_id not in rendition.stale_maps):
        return own
    return planned if planned is not None else own


def overlay_maps(session: Session) -> dict[str, BlockMap]:
    """Every block map that can be shown now: those of our codec and of the panes, and the planned ones."""
    maps: dict[str, BlockMap] = {}
    for id_ in (session.own_id, *session.visible_ids):
        maps = {**session.rendition(id_).all_maps, **maps}
    stale = session.rendition(session.own_id).stale_maps
    return maps | {id_: one for id_, one in session.plan_maps.items() if id_ not in maps or id_ in stale}


def selected_frame(session: Session) -> tuple[int, int, int, int] | None:
    """(top, left, height, width) of the selected block, on the grid of the chosen map or of 16 px; None without."""
    if session.selected is None or session.presenting:
        return None
    shown = overlay_maps(session).get(session.overlay.map_id)
    height, width = shown.block_px if shown is not None else (BLOCK_PX, BLOCK_PX)
    top, left = session.selected[1] // height * height, session.selected[0] // width * width
    return top, left, min(height, session.view.height_px - top), min(width, session.view.width_px - left)
