"""`ActionSpec`: one command as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionSpec:
    """One command.

    Attributes
    ----------
    id : str
        Stable snake_case name; the window has one handler per id.
    text : str
        Menu text.
    menu : str
        Which menu it stands in.
    tip : str
        Tooltip and status text: what it does, in one sentence.
    keys : tuple of str
        Shortcuts in Qt's portable notation; the first is shown.
    icon : str
        Icon name, or empty.
    toolbar : int
        Place in the toolbar, 0 for none; a line stands between tens.
    group : str
        Actions of one group are exclusive choices with a check mark.
    checkable : bool
        Whether it is a switch.
    needs : str
        "" always enabled; "source" with a document; "original" with a picture to encode; "clip" with a clip; "codable"
        with either, if it can be coded; "comparable" if it can stand beside another one; "tnc" with a TNC stream;
        "stream" with one of TNC or TCM; "blind" in a blind pair; "overfitting" while blocks are over-fitted.
    separator : bool
        Whether a line precedes it.
    """

    id: str
    text: str
    menu: str
    tip: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    toolbar: int = 0
    group: str = ""
    checkable: bool = False
    needs: str = ""
    separator: bool = False
