"""`tenfold serve`: the HTTP API, and the page that reads on the device."""

from tenfold.serve.app import create_app
from tenfold.serve.settings import ServeSettings

__all__ = ["ServeSettings", "create_app"]
