"""Models and pictures of the TNC tests: the frozen tiny model, the shipped one, small cut-outs."""

from __future__ import annotations

import pytest
import torch

from codec.files import read_picture
from codec.picture import Picture
from codec.resources import resource
from codec.tnc.models import LoadedModel, load_by_name, load_file
from tests.golden.cases import TINY_FILE
from tests.golden.make_golden import synthetic


@pytest.fixture(scope="session")
def tiny() -> LoadedModel:
    """The frozen model of the golden streams."""
    return load_file(TINY_FILE, torch.device("cpu"))


@pytest.fixture(scope="session")
def shipped() -> LoadedModel:
    """The default model."""
    return load_by_name("default", torch.device("cpu"))


@pytest.fixture(scope="session")
def drawn() -> Picture:
    """A synthetic RGB picture of 96x80 px."""
    return synthetic(96, 80, grey=False, seed=3)


@pytest.fixture(scope="session")
def photo() -> Picture:
    """A cut-out of a sample photograph, 256x320 px: two slices."""
    return read_picture(resource("samples/street.png")).crop(400, 600, 256, 320)
