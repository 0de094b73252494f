"""The folder beside the output in which a job keeps what it has done."""

import hashlib
import json
import shutil
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

from tenfold import files
from tenfold.bulk import rows
from tenfold.bulk.plan import Plan
from tenfold.bulk.unit import Unit
from tenfold.bulk.work import Counts
from tenfold.errors import BulkError, ModelError, UsageError
from tenfold.reading.reader import shipped_model


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the rows of a job depend on, so that a stopped job goes on only as what it began as."""

    sources: tuple[str, ...]
    column: str | None
    probabilities: bool
    model_sha256: str
    version: str

    @classmethod
    def of(
        cls, sources: Sequence[str], model: str | Path | None, column: str | None, probabilities: bool
    ) -> "Settings":
        path = shipped_model() if model is None else Path(model)
        if not path.is_file():
            raise ModelError(f"{path}: no such file; a model is an .onnx file that tenfold export has written")
        return cls(
            sources=tuple(sources),
            column=column,
            probabilities=probabilities,
            model_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            version=metadata.version("tenfold"),
        )


class JobFolder:
    """`digits.parquet.job`. Iterates over the units with their numbers, as they stand on disk."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f"{out.name}.job")
        self._job: dict[str, Any] = {}
        self._lock: BinaryIO | None = None

    def __enter__(self) -> "JobFolder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    @property
    def units(self) -> int:
        return int(self._job["units"])

    @property
    def inputs(self) -> int | None:
        """How many there are; None where only reading tells."""
        known: int | None = self._job["inputs"]
        return known

    @property
    def replaces(self) -> bool:
        """Whether the job was begun with leave to replace an output."""
        return bool(self._job["overwrite"])

    @property
    def left_out(self) -> int:
        return int(self._job["left_out"])

    @property
    def facts(self) -> dict[str, Any]:
        """What the output says of itself."""
        return {key: self._job[key] for key in ("units_sha256", "model_sha256", "version")}

    def part(self, number: int) -> Path:
        return self.path / "parts" / f"{number:08d}.parquet"

    def counts(self, number: int) -> Counts:
        """What a unit that is done came to. Raises `BulkError` where its file doesn't hold what it says."""
        try:
            facts = rows.told(self.part(number))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BulkError(f"{self.part(number)} is damaged: {error}; delete it and --resume") from error
        held = facts.pop("rows")
        counts = Counts(**facts)
        if held != counts.inputs:
            raise BulkError(f"{self.part(number)} holds {held} rows for {counts.inputs} inputs; delete it and --resume")
        return counts

    def done(self) -> frozenset[int]:
        return frozenset(int(path.stem) for path in (self.path / "parts").glob("[0-9]*.parquet"))

    def __iter__(self) -> Generator[tuple[int, Unit]]:
        with (self.path / "units.jsonl").open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                yield number, Unit.from_json(line)

    def begin(self, settings: Settings, *, resume: bool, overwrite: bool) -> bool:
        """Whether there is everything to do: a new job, and not a stopped one to go on with.

        Raises `BulkError` where the output is there, a stopped job is there and nothing was said of it, it was another
        job, or somebody works on it.
        """
        there = (self.path / "job.json").exists()
        if self.out.exists() and not overwrite and not (resume and there):
            raise BulkError(
                f"{self.out} is finished: there is nothing to resume; --overwrite reads everything again"
                if resume
                else f"{self.out} is there already: --overwrite replaces it, or choose another --out"
            )
        if there and not resume and not overwrite:
            raise BulkError(f"{self.path} holds a stopped job: --resume goes on with it, --overwrite begins again")
        files.make_folder(self.path / "parts")
        self._take()
        if not (there and resume):
            self._clear()
            return True
        self._job = json.loads((self.path / "job.json").read_text())
        for key, value in json.loads(json.dumps(asdict(settings))).items():
            if self._job[key] != value:
                raise UsageError(
                    f"{self.path}: the stopped job had {key} {self._job[key]}, not {value}: "
                    "say what it was, or --overwrite to begin again"
                )
        return False

    def plan(self, settings: Settings, overwrite: bool) -> None:
        """Writes down what there is to do. Raises as `Plan` does, and then leaves no folder behind."""
        plan = Plan(settings.sources, settings.column)
        digest = hashlib.sha256()
        inputs: int | None = 0
        count = 0

        def write(temporary: Path) -> None:
            nonlocal inputs, count
            with temporary.open("w", encoding="utf-8") as file:
                for unit in plan:
                    line = unit.to_json()
                    digest.update(line.encode())
                    file.write(line + "\n")
                    count += 1
                    known = 1 if unit.kind == "broken" else unit.count
                    inputs = None if inputs is None or known is None else inputs + known

        try:
            files.write_with(self.path / "units.jsonl", write)
        except Exception:
            self.remove()
            raise
        self._job = {
            **asdict(settings),
            "overwrite": overwrite,
            "units": count,
            "inputs": inputs,
            "left_out": plan.left_out,
            "units_sha256": digest.hexdigest(),
        }
        files.write_json(self.path / "job.json", self._job)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _clear(self) -> None:
        (self.path / "job.json").unlink(missing_ok=True)
        for path in (self.path / "parts").iterdir():
            path.unlink()

    def _take(self) -> None:
        """Holds the folder for this process; the lock goes when the process does, however it ends."""
        try:
            import fcntl
        except ModuleNotFoundError:  # Windows
            return
        self._lock = (self.path / "lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BulkError(f"{self.path}: another process works on it") from error
