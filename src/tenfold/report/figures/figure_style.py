"""The style of all figures, and their two output formats: PNG on white, and SVG in the colors of the report.

An SVG is drawn in placeholder colors, which are then replaced by CSS variables (`var(--accent)`), so that one drawing
works in light mode, in dark mode and in print.
"""

import io
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

WIDTH = 7.65  # inches: the report's column
# The most classes that an axis names, and the letters that fit into its row.
_NAMED = 36
_ROW = 90


@dataclass(frozen=True)
class Theme:
    """Colors by role."""

    text: str
    muted: str
    line: str
    accent: str
    contrast: str


WHITE = Theme(text="#1c1c1e", muted="#6b6b70", line="#dededf", accent="#2563c9", contrast="#d4550f")
# Placeholders: colors that no figure uses otherwise.
_PAGE = Theme(text="#010203", muted="#020304", line="#030405", accent="#040506", contrast="#050607")

Draw = Callable[[Theme], Figure]


def to_png(draw: Draw) -> bytes:
    """The figure on white, at 144 dots per inch."""
    with _style(WHITE):
        buffer = io.BytesIO()
        draw(WHITE).savefig(buffer, format="png", dpi=144, facecolor="white", bbox_inches="tight", pad_inches=0.1)
    return buffer.getvalue()


def to_svg(draw: Draw, name: str) -> str:
    """The figure as inline SVG in the colors of the report: `--text`, `--muted`, `--line`, `--accent`, `--contrast`.

    name: makes the ids inside unique among the figures of a report.
    """
    with _style(_PAGE), mpl.rc_context({"svg.hashsalt": name}):
        buffer = io.StringIO()
        draw(_PAGE).savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for part, color in vars(_PAGE).items():
        svg = svg.replace(color, f"var(--{part})")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Matplotlib numbers its groups in each figure from 1, so ids would clash; keep only those that are referenced.
    referenced = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in referenced else "", svg)
    # The report sets the size, up to the width that it was drawn for.
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])  # type: ignore[index]
    svg = re.sub(r'<svg ([^>]*?)width="[\d.]+pt" ?', rf'<svg \1style="max-width:{width * 4 / 3:.0f}px" ', svg, count=1)
    return re.sub(r'height="[\d.]+pt" ?', "", svg, count=1)


def _style(theme: Theme) -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": theme.text,
            "text.parse_math": False,
            "axes.edgecolor": theme.line,
            "axes.labelcolor": theme.muted,
            "axes.titlesize": 9.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.titlepad": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.axisbelow": True,
            "grid.color": theme.line,
            "grid.linewidth": 0.6,
            "xtick.color": theme.line,
            "ytick.color": theme.line,
            "xtick.labelcolor": theme.muted,
            "ytick.labelcolor": theme.muted,
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "svg.fonttype": "none",
        }
    )


def figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure; height and width in inches."""
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03))


def name_rows(axes: Axes, labels: Sequence[str], theme: Theme) -> None:
    """Labels the rows of a horizontal chart, the first at the top, and adds a vertical grid."""
    axes.set_yticks(range(len(labels)), list(labels))
    axes.tick_params(axis="y", length=0, labelcolor=theme.text)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def name_classes(axis: Axis, names: Sequence[str], most: int = _NAMED) -> None:
    """Labels an axis with class names, at most `most` of them; names too long for a row stand upright."""
    step = -(-len(names) // most)
    shown = names[::step]
    upright = isinstance(axis, XAxis) and sum(map(len, shown)) > _ROW
    axis.set_ticks(range(0, len(names), step), shown, rotation=90 if upright else 0)


def accuracy_axis(axes: Axes, error_ticks: Sequence[float]) -> None:
    """Makes the y axis one of accuracy in percent whose positions are `error_percent` on a log scale: halving the error
    rate is the same distance near 99.5 % as near 97 %. error_ticks: in percent, shown as accuracies."""
    axes.set_yscale("log")
    axes.invert_yaxis()
    axes.yaxis.set_major_locator(FixedLocator(error_ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g}"))


def error_percent(accuracy: float) -> float:
    """100 - accuracy, at least 0.01: a log axis has no zero."""
    return max(0.01, 100 - accuracy)


def show_ink(axes: Axes, pixels: NDArray[np.generic], peak: float = 255) -> None:
    """Shows pixels [H,W], 0 paper to `peak` ink, as black on transparent (the report inverts it in dark mode)."""
    picture = np.zeros((*pixels.shape, 4))
    picture[..., 3] = np.clip(pixels.astype(np.float64) / peak, 0, 1)
    axes.imshow(picture, interpolation="none")
    bare(axes)


def bare(axes: Axes) -> None:
    """Removes ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def mosaic(images: NDArray[np.uint8], columns: int, across: int = 32, down: int = 32) -> NDArray[np.uint8]:
    """images: uint8[N,28,28] -> one image uint8, with `columns` columns; each image is `across` pixels right of the one
    before it, and `down` pixels below the one above."""
    rows = max(1, -(-len(images) // columns))
    sheet = np.zeros((rows * down, columns * across), np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet[row * down : row * down + 28, column * across : column * across + 28] = image
    return sheet[: (rows - 1) * down + 28, : (columns - 1) * across + 28]
