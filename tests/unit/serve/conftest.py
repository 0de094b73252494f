"""Apps with any settings, and images to send them."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.data import Dataset
from tenfold.serve import ServeSettings, create_app
from tests.unit.serve.api_client import Client, png


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Makes a client of a new app with these settings."""
    apps = []

    def make(address: str = "127.0.0.1", base: str = "http://localhost", **settings: Any) -> Client:
        database = f"sqlite:///{tmp_path / f'{len(apps)}.sqlite'}"
        apps.append(create_app(ServeSettings(**{"database": database, **settings})))
        return Client(apps[-1], address, base)

    async def end() -> None:
        for app in apps:
            async with app.router.lifespan_context(app):
                pass

    yield make
    asyncio.run(end())


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> list[bytes]:
    return [png(np.array(pixels)) for pixels in mnist.test_images[:20]]
