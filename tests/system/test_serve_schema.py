"""The OpenAPI document is true: valid requests are accepted, invalid ones rejected, and answers match their schemas."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode

from tenfold.data import load_dataset
from tenfold.serve import ServeSettings, create_app
from tenfold.serve.uploads import IMAGE_TYPES

TOKEN = "a-token"


def _picture(kind: str, index: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.array(load_dataset("mnist").test_images[index])).save(file, kind.removeprefix("image/"))
    return file.getvalue()


# Of bytes, OpenAPI can't say more than that they are bytes: what is a picture is said here.
for _kind in IMAGE_TYPES:
    schemathesis.openapi.media_type(_kind, st.integers(0, 99).map(lambda index, kind=_kind: _picture(kind, index)))
# Nor that a field lies in the image, which is of 28x28 here.
_PLACES = st.sampled_from([[0, 0, 28, 28], [2.5, 3, 20, 25], [0, 0, 9, 28]])
schemathesis.openapi.format("fields", st.lists(_PLACES, max_size=2).map(json.dumps))
_PNG = st.integers(0, 99).map(lambda index: _picture("image/png", index))
schemathesis.openapi.media_type("application/octet-stream", _PNG)
schemathesis.openapi.format("image", _PNG.map(lambda content: base64.b64encode(content).decode()))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("schema")
    app = create_app(ServeSettings(database=f"sqlite:///{folder / 'feedback.sqlite'}", token=TOKEN))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    finally:
        server.should_exit = True
        thread.join()


# A test each: schemathesis's own way to make them wants an older pytest.
OPERATIONS = [
    ("GET", "/v1/models"), ("POST", "/v1/read"), ("POST", "/v1/read-number"), ("POST", "/v1/read-strokes"),
    ("POST", "/v1/feedback"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
]  # fmt: skip


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_document_is_true(api: Any, method: str, path: str, mode: GenerationMode) -> None:
    @settings(max_examples=30, derandomize=True, deadline=None, database=None,
              phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(api[path][method].as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        if (
            mode is GenerationMode.POSITIVE
            and isinstance(case.body, dict)
            and isinstance(case.body.get("fields"), list)
        ):
            case.body["fields"] = [[0, 0, 28, 28]] * min(2, len(case.body["fields"]))
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})

    try:
        holds()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # Where nothing is sent, nothing wrong can be.


def test_every_operation_is_tried(api: Any) -> None:
    found = {(result.ok().method.upper(), result.ok().path) for result in api.get_all_operations()}
    assert found == set(OPERATIONS)
