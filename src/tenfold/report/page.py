"""Steps -> one HTML page that needs nothing else."""

from collections.abc import Mapping, Sequence
from importlib import metadata, resources

from jinja2 import Environment, StrictUndefined

from tenfold.report.blocks import Step


def render(
    *,
    title: str,
    kicker: str,
    value: str,
    what: str,
    lead: str,
    facts: Mapping[str, str],
    steps: Sequence[Step],
    footer: str,
) -> str:
    """The page's HTML. value and what: the headline, a figure and what it is; facts: names and values below it."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(_resource("page.html")).render(
        title=f"{title} · Tenfold",
        style=_resource("style.css"),
        kicker=kicker,
        value=value,
        what=what,
        lead=lead,
        facts=facts,
        steps=steps,
        version=metadata.version("tenfold"),
        footer=footer,
    )


def _resource(name: str) -> str:
    return resources.files("tenfold").joinpath("report").joinpath(name).read_text(encoding="utf-8")
