"""The web app's files and the models: few and small, so they are read into memory once."""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Receive, Scope, Send

from tenfold.serve.problems import ProblemError
from tenfold.serve.served_models import ServedModel

_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm",
          ".10fd": "application/octet-stream", ".ico": "image/x-icon"}  # fmt: skip
# Content codings and the suffixes of files compressed with them; the best first.
_CODINGS = {"br": ".br", "gzip": ".gz"}
_NOT_BUILT = "the web app is not built: run make web-app in the clone, or install the wheel. The API works without it."


class StaticFiles:
    """An ASGI app for all paths but the API's. Only files found at the start can be served."""

    def __init__(self, folder: Path, models: Iterable[ServedModel], ca: bytes | None) -> None:
        self._files = _load_web_app(folder)
        for model in models:
            contents = {"": model.content, "gzip": gzip.compress(model.content, 9)}
            self._files[f"/{model.about.url}"] = _responses("application/octet-stream", _FOREVER, contents)
        if ca is not None:
            self._files["/tenfold-ca.crt"] = _responses("application/x-x509-ca-cert", "no-cache", {"": ca})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        responses = self._files.get(path)
        if responses is None:
            raise ProblemError(404, _NOT_BUILT if path == "/" else f"there is nothing at {path}")
        if scope["method"] != "GET":
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        accepted = headers.get("accept-encoding", "")
        response = responses[next((c for c in _CODINGS if c in responses and _accepts(accepted, c)), "")]
        known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
        if "*" in known or response.headers["ETag"] in known:
            response = NotModifiedResponse(response.headers)
        await response(scope, receive, send)


def _responses(media_type: str, cache: str, contents: dict[str, bytes]) -> dict[str, Response]:
    """A file's responses by content coding, "" for none; each has an ETag of its own (RFC 9110, 8.8.3.3)."""
    responses = {}
    for coding, content in contents.items():
        headers = {"Cache-Control": cache, "ETag": f'"{hashlib.sha256(content).hexdigest()[:20]}"'}
        if len(contents) > 1:
            headers["Vary"] = "Accept-Encoding"
        if coding:
            headers["Content-Encoding"] = coding
        responses[coding] = Response(content, 200, headers, media_type)
    return responses


def _load_web_app(folder: Path) -> dict[str, dict[str, Response]]:
    if not (folder / "index.html").is_file():
        return {}
    files = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in _CODINGS.values():
            continue
        name = path.relative_to(folder).as_posix()
        contents = {"": path.read_bytes()}
        for coding, suffix in _CODINGS.items():
            compressed = path.with_name(path.name + suffix)
            if compressed.is_file():
                contents[coding] = compressed.read_bytes()
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        # Vite puts a hash of the content into the names of assets.
        files[f"/{name}"] = _responses(media_type, _FOREVER if name.startswith("assets/") else "no-cache", contents)
    files["/"] = files["/index.html"]
    return files


def _accepts(header: str, coding: str) -> bool:
    """RFC 9110, 12.5.3: listed, and not with a weight of 0."""
    for part in header.split(","):
        name, *options = [word.strip().lower() for word in part.split(";")]
        if name in (coding, "*"):
            return not any(option.replace(" ", "").rstrip("0") in ("q=", "q=0.") for option in options)
    return False
