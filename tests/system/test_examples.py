"""Examples that need a camera, another runtime, or nginx; the others are in tests/flow/test_examples.py."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.flow.test_examples import EXAMPLES, ROOT, enlarged, of_each_digit, run_example


@pytest.fixture
def cv2(needs):
    try:
        import cv2
    except ModuleNotFoundError:
        needs("OpenCV (dependency group runtimes)")
    return cv2


def test_a_number_is_read_from_a_film(cv2, small, tmp_path):
    """The first frames are black, as a camera's may be; then somebody holds 4 0 7 into it."""
    first = {digit: enlarged(image) for digit, image in of_each_digit(small, 1)}
    paper = Image.new("RGB", (480, 320), (225, 220, 210))
    for place, digit in enumerate((4, 0, 7)):
        ink = first[digit].point(lambda value: 255 - value)
        paper.paste((40, 40, 90), (60 + 120 * place, 100), ink)
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (480, 320))
    for frame in [np.zeros((320, 480, 3), np.uint8)] * 3 + [np.array(paper)[:, :, ::-1]] * 3:
        film.write(frame)
    film.release()
    assert re.fullmatch(r"407  confidence [\d.]+ %\n", run_example("read_webcam.py", tmp_path, "film.avi"))


def test_opencv_gives_the_probabilities_of_onnx_runtime(cv2, tmp_path):
    printed = run_example("other_runtime.py", tmp_path)
    difference, accuracy = re.search(r"at most (\S+); OpenCV reads ([\d.]+) %", printed).groups()
    assert float(difference) < 1e-4
    assert float(accuracy) > 98


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def children(process):
    """The processes that it started, with their commands."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in found}


@pytest.fixture
def open_folder():
    """A folder that other users may enter, as they may not pytest's own: nginx's workers are another user."""
    with tempfile.TemporaryDirectory(prefix="tenfold-nginx-") as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


def test_two_replicas_answer_behind_nginx(needs, small, open_folder):
    """TLS, forwarded headers, the body limit and failover, with the files as they are but for their ports."""
    missing = [name for name in ("nginx", "openssl", "curl") if not shutil.which(name)]
    needs(missing and f"{', '.join(missing)} (apt-get install nginx-light openssl curl)")
    ports = dict(zip(("8443", "8001", "8002"), map(str, free_ports(3)), strict=True))
    for name in ("nginx.conf", "serve_behind_nginx.sh"):
        text = (EXAMPLES / "nginx" / name).read_text()
        assert ports.keys() <= set(re.findall(r"\d{4}", text))
        (open_folder / name).write_text(re.sub(r"\b(8443|800[12])\b", lambda found: ports[found[0]], text))
    python = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{python}:{os.environ['PATH']}", "TMPDIR": str(open_folder),
                   "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}  # fmt: skip
    started = subprocess.Popen(["bash", open_folder / "serve_behind_nginx.sh"], stdout=subprocess.PIPE, text=True,
                               env=environment, cwd=open_folder)  # fmt: skip
    try:
        url = started.stdout.readline().strip()
        assert url == f"https://localhost:{ports['8443']}/"
        (work,) = (path for path in open_folder.iterdir() if path.is_dir())
        trusted = ssl.create_default_context(cafile=work / "cert.pem")
        with httpx.Client(verify=trusted, base_url=url, trust_env=False) as client:
            wait_for_answer(client)
            assert client.get("/readyz").status_code == 200
            # Sent only where the server knows, from nginx's headers, that a public host was reached by HTTPS.
            answer = client.get("/readyz", headers={"Host": "digits.example.org"})
            assert "strict-transport-security" in answer.headers
            assert client.get("/metrics").status_code == 404
            assert client.post("/v1/read", content=bytes(33 * 2**20)).status_code == 413
            seven = int(np.flatnonzero(small.test_labels == 7)[0])
            # As large as a photo, so that nginx buffers it in a file.
            enlarged(small.test_images[seven]).resize((1200, 1200)).save(open_folder / "seven.bmp")
            image = (open_folder / "seven.bmp").read_bytes()
            replicas = [pid for pid, command in children(started).items() if "serve" in command]
            assert len(replicas) == 2
            os.kill(replicas[0], signal.SIGKILL)
            assert [client.post("/v1/read", content=image).json()["digit"] for _ in range(6)] == [7] * 6
    finally:
        left = children(started)
        started.terminate()
        started.communicate(timeout=15)
    assert started.returncode == 0
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]
    assert not work.exists()


def wait_for_answer(client):
    """nginx listens a moment after the script says so."""
    for _ in range(100):
        try:
            client.get("/readyz")
            return
        except httpx.ConnectError:
            time.sleep(0.05)
    pytest.fail("nginx does not answer")
