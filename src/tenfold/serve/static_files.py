"""The web app's files and the models: few and small, so they are read into memory once."""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tenfold.serve.problems import ProblemError
from tenfold.serve.served_models import ServedModel

_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm",
          ".10fd": "application/octet-stream", ".ico": "image/x-icon"}  # fmt: skip
# Content codings and the suffixes of files compressed with them; the best first.
_CODINGS = {"br": ".br", "gzip": ".gz"}
_NOT_BUILT = "the web app is not built: run make web-app in the clone, or install the wheel. The API works without it."


@dataclass(frozen=True)
class _StaticFile:
    """contents, tags: by content coding, "" for none; each coding has an ETag of its own (RFC 9110, 8.8.3.3)."""

    media_type: str
    cache: str
    contents: dict[str, bytes]

    @cached_property
    def tags(self) -> dict[str, str]:
        return {coding: f'"{hashlib.sha256(content).hexdigest()[:20]}"' for coding, content in self.contents.items()}

    def response(self, accepted: str, known: str) -> Response:
        coding = next((c for c in _CODINGS if c in self.contents and _accepts(accepted, c)), "")
        content = self.contents[coding]
        tag = self.tags[coding]
        headers = {"Cache-Control": self.cache, "ETag": tag}
        if len(self.contents) > 1:
            headers["Vary"] = "Accept-Encoding"
        if known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
            return Response(b"", 304, headers)
        if coding:
            headers["Content-Encoding"] = coding
        return Response(content, 200, headers, self.media_type)


class StaticFiles:
    """An ASGI app for all paths but the API's. Only files found at the start can be served."""

    def __init__(self, folder: Path, models: Iterable[ServedModel], ca: bytes | None) -> None:
        self._files = _load_web_app(folder)
        for model in models:
            contents = {"": model.content, "gzip": gzip.compress(model.content, 9)}
            self._files[f"/{model.about.url}"] = _StaticFile("application/octet-stream", _FOREVER, contents)
        if ca is not None:
            self._files["/tenfold-ca.crt"] = _StaticFile("application/x-x509-ca-cert", "no-cache", {"": ca})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        file = self._files.get(path)
        if file is None:
            raise ProblemError(404, _NOT_BUILT if path == "/" else f"there is nothing at {path}")
        if scope["method"] != "GET":
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = file.response(headers.get("accept-encoding", ""), headers.get("if-none-match", ""))
        await response(scope, receive, send)


def _load_web_app(folder: Path) -> dict[str, _StaticFile]:
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
        files[f"/{name}"] = _StaticFile(media_type, _FOREVER if name.startswith("assets/") else "no-cache", contents)
    files["/"] = files["/index.html"]
    return files


def _accepts(header: str, coding: str) -> bool:
    """RFC 9110, 12.5.3: listed, and not with a weight of 0."""
    for part in header.split(","):
        name, *options = [word.strip().lower() for word in part.split(";")]
        if name in (coding, "*"):
            return not any(option.replace(" ", "").rstrip("0") in ("q=", "q=0.") for option in options)
    return False
