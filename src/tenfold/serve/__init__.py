"""`tenfold serve`: the web app and the HTTP API."""

from tenfold.serve.application import create_app
from tenfold.serve.settings import ServeSettings

__all__ = ["ServeSettings", "create_app"]
