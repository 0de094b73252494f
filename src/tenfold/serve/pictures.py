"""The picture in a request's body."""

from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tenfold.ink.image_file import opened
from tenfold.serve.problems import ProblemError

# How the files begin that are taken. Pillow knows more formats: some run other programs (EPS), some are rarely tried.
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif")


class _InMemory(MultiPartParser):
    # The body is small enough for memory already; a file on disk would be written by yet another thread.
    spool_max_size = 2**30


async def take_picture(request: Request) -> bytes:
    """A file's bytes: a raw image/* body, or the field `image` of a form. Raises `ProblemError` for anything else."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        picture = await _of_form(request)
    elif kind.startswith("image/"):
        picture = await request.body()
    else:
        raise ProblemError(
            415, f"a picture is sent as image/png or another image type, or as a form; not as {kind or '?'}"
        )
    if not is_known(picture):
        raise ProblemError(
            400, "this is not a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file: save it again as PNG or JPEG"
        )
    return picture


def is_known(picture: bytes) -> bool:
    return (
        picture.startswith(_BEGINNINGS)
        or (picture[:4] == b"RIFF" and picture[8:12] == b"WEBP")
        or (picture[4:8] == b"ftyp" and picture[8:12] in (b"avif", b"avis", b"mif1"))
    )


def pixels_of(picture: bytes) -> int:
    """How many its header tells of. Raises `FormatError` as `Reader.read` does."""
    with opened(picture) as image:
        return image.width * image.height


async def _of_form(request: Request) -> bytes:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    body = await request.body()
    try:
        form = await _InMemory(request.headers, whole(), max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, ValueError) as error:
        raise ProblemError(400, f"the form can't be read: {error}") from error
    try:
        file = form.get("image")
        if not isinstance(file, UploadFile):
            raise ProblemError(422, "the form has no file named image")
        if not (file.content_type or "").lower().startswith("image/"):
            raise ProblemError(
                415, f"the form's file is {file.content_type or 'of no type'}, not image/png or another image"
            )
        return await file.read()
    finally:
        await form.close()
