"""The `tnc` command: the table of verbs, and how errors end it.

Exit status: 0 on success, 1 on failure with one line on stderr, 2 on bad usage, 130 when interrupted.
Only the module of the verb that is asked for is imported, so that `tnc --help` is quick and needs no torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Sequence

from codec import __version__
from codec.errors import Cancelled, CodecError

VERBS = {
    "encode": "code a picture into a .tnc stream",
    "decode": "turn a stream into a picture",
    "info": "show what a stream holds, without decoding pixels",
    "compare": "measure one picture or stream against another",
    "rd": "rate-distortion curves of several codecs, with plot, table and BD-rate",
    "conformance": "decode the bundled set of streams that every decoder must get right",
    "bench": "measure where encoding and decoding spend their time",
    "train": "train, evaluate and export models",
}
"""Verb to the line that the help shows; the module of a verb is `codec.commands.<verb>`."""

INTERRUPTED = 130
"""Exit status of a shell command that was stopped by Ctrl-C (128 + SIGINT)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        The exit status. Bad usage leaves through `SystemExit(2)`, as argparse does.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _parser(argv).parse_args(argv)
    if not args.debug:
        warnings.simplefilter("ignore")  # libraries' remarks are for developers; users get one clear line
    try:
        status = importlib.import_module(f"codec.commands.{args.verb}").run(args)
        sys.stdout.flush()
        return status or 0
    except (KeyboardInterrupt, Cancelled):
        print("tnc: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has had enough. Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CodecError as error:
        if args.debug:
            raise
        print(f"tnc: {_one_line(error)}", file=sys.stderr)
        return 1
    except Exception as error:
        if args.debug:
            raise
        name = type(error).__name__
        print(f"tnc: {name}: {_one_line(error)} (`tnc --debug {args.verb} ...` shows where)", file=sys.stderr)
        return 1


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no further word"


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Parser with every verb, but with the arguments of the one that is asked for only."""
    parser = argparse.ArgumentParser(
        prog="tnc",
        description="The TNC picture codec.",
        epilog="`tnc VERB --help` explains a verb.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tnc {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    asked = next((word for word in argv if not word.startswith("-")), None)
    for verb, line in VERBS.items():
        sub = verbs.add_parser(verb, help=line, description=line[0].upper() + line[1:] + ".", allow_abbrev=False)
        if verb == asked:
            importlib.import_module(f"codec.commands.{verb}").add_arguments(sub)
    return parser


if __name__ == "__main__":
    sys.exit(main())
