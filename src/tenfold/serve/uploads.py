"""Request bodies: images and JSON."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tenfold.errors import FormatError
from tenfold.ink.image import opened
from tenfold.reading.inputs import of_base64
from tenfold.serve.problems import ProblemError
from tenfold.serve.schemas import Fields, ImageInput, NumberInput

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_FIELDS: TypeAdapter[Fields] = TypeAdapter(Fields, config=ConfigDict(strict=True))
# First bytes of the accepted formats. Pillow knows more: some run other programs (EPS), some are rarely tested.
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif")


@dataclass(frozen=True)
class ImageUpload:
    """The bytes of an image file, and the fields of it to read; None for all of it."""

    image: bytes
    fields: Fields | None = None


class _InMemoryParser(MultiPartParser):
    # The body is in memory already, so its parts need no temporary files.
    spool_max_size = 2**30


async def read_image(request: Request, model: type[ImageInput]) -> ImageUpload:
    """An image file: the body, or `image` of a form or of a JSON object as `model`, which may hold `fields` too.

    Its first bytes decide what it is, whatever type is declared: clients often declare none, or a wrong one. Raises
    `ProblemError`.
    """
    kind = _content_type(request)
    if kind == "multipart/form-data":
        upload = await _upload_of_form(request, issubclass(model, NumberInput))
    elif kind == "application/json":
        body = await read_json(request, model)
        try:
            image = of_base64(body.image)
        except FormatError as error:
            raise ProblemError(422, "image: it must be base64 or a data URL") from error
        upload = ImageUpload(image, body.fields if isinstance(body, NumberInput) else None)
    else:
        upload = ImageUpload(await request.body())
    if not _is_accepted(upload.image):
        raise ProblemError(400, "not a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file: save it again as PNG or JPEG")
    return upload


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises `ProblemError`: 415, 400 for invalid JSON, 422 for invalid values."""
    kind = _content_type(request)
    if kind != "application/json":
        raise ProblemError(415, f"send application/json, not {kind or 'an untyped body'}")
    return _validated(model.model_validate_json, await request.body())


def _validated(validate: Callable[[bytes | str], T], json: bytes | str, name: str = "") -> T:
    """name: of the value in the request; of a body, none."""
    try:
        return validate(json)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # As in "label: Input should be less than or equal to 9".
        place = ".".join(filter(None, [name, *map(str, first["loc"])])) or "the body"
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


async def _upload_of_form(request: Request, with_fields: bool) -> ImageUpload:
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
        fields = form.get("fields") if with_fields else None
        places = _validated(_FIELDS.validate_json, fields, "fields") if isinstance(fields, str) else None
        return ImageUpload(await file.read(), places)
    finally:
        await form.close()
