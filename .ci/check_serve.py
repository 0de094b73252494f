"""Fails unless the installed `tenfold serve` has the web app and reads an image: check_serve.py TENFOLD IMAGE."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

tenfold, image = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    words = [tenfold, "serve", "--port", "0", "--database", f"sqlite:///{folder}/feedback.db"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        page = urllib.request.urlopen(url).read().decode()
        assert "<title>Tenfold" in page, page[:200]
        headers = {"Content-Type": "image/png"}
        request = urllib.request.Request(url + "v1/read", Path(image).read_bytes(), headers)
        read = json.load(urllib.request.urlopen(request))
        assert read["digit"] == 7, read
        print(f"{url}: web app, digit {read['digit']} with confidence {read['confidence']:.3f}")
    finally:
        process.terminate()
    assert process.wait(20) == 0, "it must stop cleanly"
