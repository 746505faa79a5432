"""What the Studio does: jobs, encodes, anchors, files. Views never compute; they ask these."""

from __future__ import annotations
