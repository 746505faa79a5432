"""`python -m tnc_studio`."""

from __future__ import annotations

import sys

from tnc_studio.app import main

if __name__ == "__main__":
    sys.exit(main())
