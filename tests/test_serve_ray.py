"""`tenfold serve --ray`: replicas answer as one server does, and go on when a node dies."""

import io
import signal
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from tenfold import Reader, cli
from tenfold.errors import ClusterError, StoreError
from tenfold.jobs.ray_connection import connected
from tenfold.serve import ServeSettings
from tenfold.serve.feedback import open_store

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    # Of Ray Serve's own fields.
    pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`"),
]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.array(pixels)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def nodes(ray_cluster):
    with ray_cluster() as made:
        yield made


@pytest.mark.postgres
def test_replicas_answer_take_corrections_and_outlive_a_node(
    nodes, postgres, serving, correction, run, mnist, tmp_path
):
    database = postgres.url
    words = ["--ray", nodes.address, "--replicas", "2", "--database", database, "--model", str(run.path)]
    pictures, headers = [png(pixels) for pixels in mnist.test_images[:50]], {"content-type": "image/png"}
    before = stored(database)
    with (
        serving(tmp_path, *words, warnings="ignore") as (process, told),  # Ray has some.
        httpx.Client(base_url=told["urls"][0], timeout=20) as client,
    ):
        answers = [client.post("v1/read", content=picture, headers=headers).json() for picture in pictures]
        expected = Reader().read_many(mnist.test_images[:50])
        assert [answer["digit"] for answer in answers] == [reading.digit for reading in expected]
        np.testing.assert_allclose([a["confidence"] for a in answers], [r.confidence for r in expected], atol=1e-5)
        # A model that the nodes got through Ray.
        name = client.get("v1/models").json()["models"][1]["name"]
        own = client.post("v1/read", params={"model": name}, content=pictures[0], headers=headers).json()
        np.testing.assert_allclose(
            own["probabilities"], Reader(run.path / "model.onnx").read(mnist.test_images[0]).probabilities, atol=1e-5
        )
        assert client.get("").headers["content-type"].startswith("text/html")
        assert client.get("readyz").json() == {"status": "ok"}
        for _ in range(20):
            assert client.post("v1/feedback", json=correction()).status_code == 201
        assert stored(database) == before + 20
        second = subprocess.run([sys.executable, "-m", "tenfold", "serve", "--ray", nodes.address, "--no-feedback"],
                                capture_output=True, text=True, timeout=60)  # fmt: skip
        assert second.returncode == 1
        assert second.stderr.startswith("error: Ray Serve runs on this cluster already, with tenfold")
        nodes.remove_node(nodes.workers.pop(), allow_graceful=False)
        in_a_row, deadline = 0, time.monotonic() + 60
        while in_a_row < 50:
            assert time.monotonic() < deadline
            try:
                right = client.post("v1/read", content=pictures[0], headers=headers).status_code == 200
            except httpx.HTTPError:  # Of what the dead one had in hand.
                right = False
            in_a_row = in_a_row + 1 if right else 0
        nodes.workers.append(nodes.add_node())
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "2 replicas on Ray" in complaints
        assert "error" not in complaints.lower()


def stored(database: str) -> int:
    with open_store(database) as store:
        return store.count()


def test_more_replicas_than_there_is_room_for_are_told(nodes):
    from tenfold.serve.on_ray import serve_on_ray

    def started(port, count):
        raise AssertionError

    with connected(nodes.address), pytest.raises(ClusterError, match="has 2 CPUs, and a replica takes one: lower"):
        serve_on_ray(ServeSettings(feedback=False), "127.0.0.1", 0, 3, started)


def test_corrections_want_a_database_that_all_replicas_reach(monkeypatch, tmp_path):
    from tenfold.serve.on_ray import replicated

    monkeypatch.delenv("TENFOLD_DATABASE_URL", raising=False)
    assert not replicated(ServeSettings()).feedback
    with pytest.raises(StoreError, match="can't be opened"):
        replicated(ServeSettings(database="postgresql://nobody@127.0.0.1:1/none"))
    settings = ServeSettings(feedback=False)
    assert replicated(settings) == settings


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--replicas", "2"], "--replicas 2 goes with --ray"),
        (["--ray", "auto", "--replicas", "0"], "is 1 at least"),
        (["--ray", "auto", "--https"], "--https is for one machine"),
        (["--ray", "auto", "--database", "sqlite:///x.db"], "is a file of one machine: give postgresql://"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(words, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["serve", *words])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
