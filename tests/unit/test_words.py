"""Names, docs and messages use standard English and the field's terms; private terms of early versions are gone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What was written, and what to write instead.
TERMS = {
    r"strangers?": "non-digits; out-of-distribution inputs",
    r"rescann?(ed|ing)": "degraded",
    r"corrections?": "feedback samples",
    r"lean (step|epoch|training)s?": "traced step",
    r"shifted.copies": "test_time_augmentation",
    r"order in memory|layout in memory": "memory format",
    r"mean and maximum": 'pooling = "avg+max"',
    r"spoilt": "corrupted",
    r"on the mean": "on average",
    r"in turns": "interleaved, alternately",
    r"at once": "concurrently, together, immediately",
    r"rooms?": "packages",
    r"mends?|mended": "fix",
    r"anchored": "absolute",
    r"leaves? nothing open": "resolved",
    r"settles?|settled": "update_bn",
    r"plain layers?": "inference graph",
    r"haste": "speed",
    r"fellows?": "variants, others",
    r"normali[s]\w*": "scale_pixels, or normalize",
    r"begun": "started",
    r"told": "reported, said",
    r"tells?": "reports, says, shows",
    r"take[sn]? up|taken up": "resume",
    r"go(es)? on": "continue",
    r"came:": "Result:",
    r"a hair (under|over|above|below)": "just under",
    r"beside (it|them|that|this|the nets|a set|MNIST|one of these)": "compared with, in addition to, next to",
    r"made.up": "synthetic, generated",
    r"what is there": "existing files",
    r"held alike|proven alike": "checked for equality",
    r"hoards?": "uses much memory",
    r"of its own accord": "by itself",
    r"colou[r]\w*|neighbou[r]\w*|behaviou[r]\w*|centr(e|es|ed|ing)|gre[y]\w*|licen[c]es?|labelle[d]|analys(e|ed|ing)|"
    r"(optim|recogn|summar|regular|standard|initial)is(e|ed|es|er|ers|ing|ation)": "American spelling",
}
# Where such words mean what everyone means by them.
ALLOWED = (
    r"headroom",
    r"[\"`]mean_and_maximum[\"`]",  # A kind of layer in stored models.
    r"\.tell\b",
    r"(Holm|Bonferroni)\S* correction",
    r"--normali[s]e",
    r"ndimage\.gre[y]_",
)
CHECKED = (
    "tests",
    "web/tests",
    "src",
    "lab",
    "examples",
    ".github",
    "web/src",
    "web/index.html",
    "Makefile",
    "docs",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "CITATION.cff",
    "SECURITY.md",
)
SUFFIXES = {".py", ".md", ".ts", ".html", ".css", ".toml", ".ipynb", ".yml", ".cff", ".conf", ".sh", ""}
# Generated, or quoting others.
IGNORED = (
    "docs/reference/command-line.md",
    "src/tenfold/serve/web_app",
    "src/tenfold/data/mnist",
    "lab/results",
    "tests/unit/test_words.py",
)

_TERM = re.compile("|".join(rf"(?P<t{i}>(?<![a-z])(?:{term})(?![a-z]))" for i, term in enumerate(TERMS)), re.IGNORECASE)
_ALLOWED = re.compile("|".join(ALLOWED), re.IGNORECASE)


def files_of(area):
    path = ROOT / area
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    for file in found:
        name = file.relative_to(ROOT).as_posix()
        if file.is_file() and file.suffix in SUFFIXES and not name.startswith(IGNORED) and "__pycache__" not in name:
            yield name, file


def faults(name, text):
    """One line for each private term of a text and of the file's own name."""
    for number, line in [(0, name), *enumerate(text.splitlines(), 1)]:
        # Names are words too: snake_case and camelCase come apart.
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _ALLOWED.sub("", line)).replace("_", " ")
        for found in _TERM.finditer(words):
            better = list(TERMS.values())[int(found.lastgroup[1:])]
            yield f"{name}:{number}: {found.group()!r}: write {better}"


@pytest.mark.parametrize("area", CHECKED)
def test_no_private_terms(area):
    found = [
        fault
        for name, file in files_of(area)
        for fault in faults(name, file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found, "\n".join(["", *found])


def test_a_term_is_found_in_names_and_sentences():
    text = "the rooms\nmade_strangers = 1\nTakeUp()\na mushroom\n"
    assert [line.split(":")[1] for line in faults("x.py", text)] == ["1", "2", "3"]
