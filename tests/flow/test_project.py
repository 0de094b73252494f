"""The project's own files must agree with one another, or the first command fails for somebody."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
# What conda-forge calls by another name.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def requirements(extra):
    return parsed(PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra])


def parsed(lines):
    return {re.match(r"([\w-]+)(\[\w+\])?(.*)", line).group(1, 3) for line in lines}


def test_the_conda_environment_is_the_train_install():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == "tenfold"
    plain = {line for line in environment["dependencies"] if isinstance(line, str)}
    expected = {CONDA_NAMES.get(name, name) + limits for name, limits in requirements("train")}
    assert plain - {"pip"} == expected | {"python" + PROJECT["requires-python"]}


def test_every_dependency_is_pinned_for_ci():
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    )
    assert pinned["torch"] == "2.13.0"
    names = {name.lower().replace("_", "-") for name in pinned}
    for extra in PROJECT["optional-dependencies"]:
        assert {name.lower() for name, _ in requirements(extra)} <= names, extra
    for group, lines in SETTINGS["dependency-groups"].items():
        assert {name.lower() for name, _ in parsed(lines)} <= names, group


def test_ci_installs_every_extra_and_dependency_group():
    exports = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("export")]
    # In Bash, as .ci/run is: it ignores assignments to names such as GROUPS.
    script = "\n".join([*exports, 'echo "$EXTRAS" && echo "$DEV_GROUPS"'])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    extras, groups = done.stdout.splitlines()
    assert set(extras.split(",")) == set(PROJECT["optional-dependencies"])
    assert set(groups.split()) == set(SETTINGS["dependency-groups"])


def test_the_readme_names_both_commands_on_its_first_screen():
    top = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    assert "make walk" in top
    assert "make test" in top
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("docs/**/*.md")), *ROOT.glob("*.md"), ROOT / "examples" / "README.md"]
)
def test_links_between_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), target


def test_the_make_targets_refuse_an_old_python(tmp_path):
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 2.7.18' && exit 0\nexit 1\n")
    old.chmod(0o755)
    for file in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    done = subprocess.run(
        ["make", "walk", f"PYTHON={old}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    assert done.returncode != 0
    assert "3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_data_license_is_in_the_package():
    license = (ROOT / "src/tenfold/data/mnist/LICENSE-DATA").read_text()
    assert "CC BY-SA 3.0" in license or "Attribution-ShareAlike 3.0" in license
    assert "LeCun" in license
    assert "Cortes" in license


def test_the_citation_names_the_version_that_is_installed():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()  # What the format requires.
    assert citation["version"] == PROJECT["version"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert citation["license"] in PROJECT["license"]


def test_the_changelog_has_the_version_below_what_is_unreleased():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].split()[0] == PROJECT["version"]


def test_issue_forms_are_forms():
    """GitHub shows an empty issue instead of a form that it can't read, and nobody notices."""
    forms = {
        path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")
    }
    assert set(forms) == {"config", "bug", "misread", "feature"}
    del forms["config"]
    for form in forms.values():
        assert {"name", "description", "body"} <= form.keys()
        fields = [element for element in form["body"] if element["type"] != "markdown"]
        assert all(field["attributes"]["label"] for field in fields)
        assert len({field["id"] for field in fields}) == len(fields)
    asked = {field.get("id") for field in forms["misread"]["body"]}
    assert {"picture", "expected", "got", "output", "version"} <= asked


def test_the_source_archive_has_the_project_files():
    included = SETTINGS["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode != 0:
        pytest.skip("not a clone")
    top = {f"/{name.split('/')[0]}" for name in tracked.stdout.splitlines()}
    left_out = {"/.containerignore", "/.gitignore", "/.pre-commit-config.yaml", "/Containerfile", "/pyproject.toml"}
    assert top - left_out - {"/LICENSE"} == set(included) - {"/LICENSE"}
