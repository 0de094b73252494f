"""Request bodies: images and JSON."""

from collections.abc import AsyncGenerator
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tenfold.errors import FormatError
from tenfold.ink.image import opened
from tenfold.reading.inputs import of_base64
from tenfold.serve.problems import ProblemError
from tenfold.serve.schemas import ImageInput

M = TypeVar("M", bound=BaseModel)
# First bytes of the accepted formats. Pillow knows more: some run other programs (EPS), some are rarely tested.
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif")


class _InMemoryParser(MultiPartParser):
    # The body is in memory already, so its parts need no temporary files.
    spool_max_size = 2**30


async def read_image(request: Request) -> bytes:
    """The bytes of an image file: the body, or the field `image` of a form or of a JSON object.

    Its first bytes decide what it is, whatever type is declared: clients often declare none, or a wrong one. Raises
    `ProblemError`.
    """
    kind = _content_type(request)
    if kind == "multipart/form-data":
        image = await _image_of_form(request)
    elif kind == "application/json":
        try:
            image = of_base64((await read_json(request, ImageInput)).image)
        except FormatError as error:
            raise ProblemError(422, "image: it must be base64 or a data URL") from error
    else:
        image = await request.body()
    if not _is_accepted(image):
        raise ProblemError(400, "not a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file: save it again as PNG or JPEG")
    return image


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises `ProblemError`: 415, 400 for invalid JSON, 422 for invalid values."""
    kind = _content_type(request)
    if kind != "application/json":
        raise ProblemError(415, f"send application/json, not {kind or 'an untyped body'}")
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # As in "label: Input should be less than or equal to 9".
        place = ".".join(map(str, first["loc"])) or "the body"
        message = f"{place}: {first['msg'].removeprefix('Value error, ')}"
        raise ProblemError(400 if first["type"] == "json_invalid" else 422, message) from error


def count_pixels(image: bytes) -> int:
    """Width times height, from the file's header. Raises `FormatError` as `Reader.read` does."""
    with opened(image) as header:
        return header.width * header.height


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _is_accepted(image: bytes) -> bool:
    return (
        image.startswith(_SIGNATURES)
        or (image[:4] == b"RIFF" and image[8:12] == b"WEBP")
        or (image[4:8] == b"ftyp" and image[8:12] in (b"avif", b"avis", b"mif1"))
    )


async def _image_of_form(request: Request) -> bytes:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    body = await request.body()
    try:
        form = await _InMemoryParser(request.headers, stream(), max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, ValueError) as error:
        raise ProblemError(400, f"invalid multipart/form-data: {error}") from error
    try:
        file = form.get("image")
        if not isinstance(file, UploadFile):
            raise ProblemError(422, "the form has no file named image")
        return await file.read()
    finally:
        await form.close()
