"""What `tnc rd` codes and with what: pictures by the codecs of pictures, or clips by those of clips."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codec.commands.clip_options import is_clip
from codec.errors import CodecError, InputError, SettingsError

if TYPE_CHECKING:
    from codec.anchors.base import Codec
    from codec.anchors.video.base import Clip
    from codec.picture import Picture

PICTURE_CODECS = ("tnc", "bpg", "vvc", "jpeg")
CLIP_CODECS = ("tcm", "x265", "vvenc")


@dataclass(frozen=True)
class Inputs:
    """What is measured.

    Attributes
    ----------
    codecs : sequence of Codec
        Each setting once.
    labels : mapping of str to str
        Label of the codec of each name that was given.
    sources : sequence of Picture or of Clip
    paths : sequence of pathlib.Path
        Where they are.
    """

    codecs: Sequence[Codec]
    labels: Mapping[str, str]
    sources: Sequence[Picture | Clip]
    paths: Sequence[Path]
    clips: bool

    @property
    def title(self) -> str:
        """Name of the one source, or how many there are."""
        one, what = len(self.sources) == 1, "clips" if self.clips else "pictures"
        return self.sources[0].name if one else f"{len(self.sources)} {what}"


def are_clips(inputs: Sequence[str], specs: Sequence[str] | None) -> bool:
    """Whether clips are meant: the files say so, or, where only folders are named, the codecs."""
    from codec.anchors.registry import ANCHOR_IDS
    from codec.anchors.video.registry import VIDEO_ANCHOR_IDS

    files = [Path(text) for text in inputs if not Path(text).is_dir()]
    if files:
        return any(map(is_clip, files))
    return any(spec.split(":")[0] in set(VIDEO_ANCHOR_IDS) - set(ANCHOR_IDS) for spec in specs or ())


@contextmanager
def open_inputs(args: argparse.Namespace) -> Iterator[Inputs]:
    """Open what is named, and find its codecs.

    Raises
    ------
    CodecError
        If nothing can be read, or a codec is not one of such sources.
    """
    from codec.anchors.video.registry import get_video_anchor
    from codec.rd.engine import get_clip_codecs, get_codec, get_codecs

    if not are_clips(args.inputs, args.codecs):
        _refuse_clip_options(args)
        names = args.codecs or PICTURE_CODECS
        codecs = get_codecs(names, device=args.device)
        labels = {name: get_codec(name).label for name in names}
        yield Inputs(codecs, labels, *_pictures(args.inputs), clips=False)
        return
    if args.scheduler:
        raise SettingsError("clips are measured on this machine", hint="leave --scheduler out")
    names = args.codecs or CLIP_CODECS
    clip_codecs = get_clip_codecs(names, device=args.device)
    labels = {name: get_video_anchor(name).label for name in names}
    with ExitStack() as stack:
        yield Inputs(clip_codecs, labels, *_clips(args, stack), clips=True)


def _pictures(inputs: Sequence[str]) -> tuple[list[Picture], list[Path]]:
    """Pictures of all inputs. Of several, those that cannot be read are told and left out."""
    from codec.batch import expand
    from codec.files import read_picture

    entries = expand(inputs)
    paths, pictures = [], []
    for entry in entries:
        try:
            pictures.append(read_picture(entry.path))
            paths.append(entry.path)
        except CodecError as error:
            if len(entries) == 1:
                raise
            print(f"tnc: left out: {error}", file=sys.stderr)
    if not pictures:
        raise SettingsError(f"none of {len(entries)} files is a picture that can be read")
    return pictures, paths


def _clips(args: argparse.Namespace, stack: ExitStack) -> tuple[list[Clip], list[Path]]:
    """Ranges of clips. One that cannot be read ends everything: the encodes of the others take long."""
    from codec.anchors.video.base import Clip
    from codec.batch import expand
    from codec.commands.common import print_notes
    from codec.tcm.source import open_clip
    from codec.video.source import VIDEO_SUFFIXES

    first, stop = args.frames or (0, None)
    paths, clips = [], []
    for entry in expand(args.inputs, (*VIDEO_SUFFIXES, ".tcm"), "clips"):
        if args.size is None and not is_clip(entry.path):
            raise InputError("is no clip, and another one is", where=str(entry.path))
        source = stack.enter_context(
            open_clip(entry.path, args.size, args.format, args.fps, device=args.device)
        )  # fmt: skip
        print_notes(f"{entry.path}: {note}" for note in source.notes)
        there = source.frame_count
        if there is not None and first >= there:
            raise InputError(f"there is no frame {first}: the clip has {there}", where=str(entry.path))
        clips.append(Clip(source, first, None if stop is None else stop - first))
        paths.append(entry.path)
    return clips, paths


def _refuse_clip_options(args: argparse.Namespace) -> None:
    given = {"--frames": args.frames, "--size": args.size, "--format": args.format, "--fps": args.fps}
    if named := [option for option, value in given.items() if value is not None]:
        raise SettingsError(f"{', '.join(named)} {'is' if len(named) == 1 else 'are'} for clips")


def clip_conditions(clips: Sequence[Picture | Clip]) -> dict[str, str]:
    """Which frames of which clips were coded, for reports and the database."""
    from codec.anchors.video.base import Clip

    texts = {}
    for clip in clips:
        if isinstance(clip, Clip):
            form, last = clip.source.format, clip.start + clip.frame_count - 1
            texts[clip.name] = (
                f"frames {clip.start} to {last} ({clip.frame_count}), {form.width_px}x{form.height_px}, "
                f"{form.bit_depth} bit, {float(form.fps):g} frames/s, SHA-256 {clip.source_hash[:16]}"
            )
    return texts
