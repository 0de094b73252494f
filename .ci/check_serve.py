"""Fails unless `tenfold serve`, as installed, has the page and reads a picture: check_serve.py TENFOLD PICTURE."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

tenfold, picture = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    words = [tenfold, "serve", "--port", "0", "--database", f"sqlite:///{folder}/feedback.db"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        page = urllib.request.urlopen(url).read().decode()
        assert "<title>Tenfold" in page, page[:200]
        headers = {"Content-Type": "image/png"}
        asked = urllib.request.Request(url + "v1/read", Path(picture).read_bytes(), headers)
        read = json.load(urllib.request.urlopen(asked))
        assert read["digit"] == 7, read
        print(f"{url}: the page, and a {read['digit']} of {read['confidence']:.3f}")
    finally:
        process.terminate()
    assert process.wait(20) == 0, "it must end in peace"
