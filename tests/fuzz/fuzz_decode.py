"""Coverage-guided fuzzing of parser, salvager, alpha and decoder by atheris.

`pip install -e ".[fuzz]"`, then `python -m tests.fuzz.fuzz_decode CORPUS -max_total_time=600`. The corpus starts with
the conformance set. Checksums are made right before a stream is decoded, so that the fuzzer reaches what lies behind.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["codec"]):
    import torch

    from codec.conformance import MODEL, folder
    from codec.errors import CodecError
    from codec.stream import read_stream
    from codec.stream.scan import scan
    from codec.stream.tree import stream_tree
    from codec.tnc.decoder import decode_parsed
    from codec.tnc.models import load_file

from tests.fuzz.mutate import LIMITS, check_picture, corpus, joined, split

_MODEL = load_file(folder() / MODEL, torch.device("cpu"))


def test_one_input(data: bytes) -> None:
    """As it is, and with right checksums."""
    stream_tree(data, LIMITS)
    candidates = [data]
    with contextlib.suppress(CodecError, IndexError):
        candidates.append(joined(*split(data)))
    for candidate in candidates:
        with contextlib.suppress(CodecError):
            scan(candidate, LIMITS).slices()
        with contextlib.suppress(CodecError):
            check_picture(decode_parsed(read_stream(candidate, LIMITS), _MODEL))


def main() -> None:
    """Hand over to atheris."""
    start = next((Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if start is not None:
        start.mkdir(exist_ok=True)
        for number, stream in enumerate(corpus()):
            (start / f"set-{number}").write_bytes(stream)
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
