"""Bulk reading on a Ray cluster: Ray Data with a pool of actors, each with a Reader.

Units and rows are the same as on one machine. A unit's part file comes back through Ray's object store and is written
by this process, so nodes need access to the sources only.
"""

import dataclasses
import io
import json
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from tenfold import files
from tenfold.bulk.bulk_units import ReadTask, UnitCounts, UnitDone, UnitProgress, WorkUnit
from tenfold.bulk.local_workers import Backend
from tenfold.bulk.unit_reader import read_unit
from tenfold.errors import ClusterError
from tenfold.reading.reader import Reader

# Units submitted at a time, per actor and at least: Ray holds them all in memory.
_UNITS_PER_ACTOR, _LEAST_UNITS = 32, 256
# Actors that may die on a unit before it becomes a row with an error.
_MOST_DEATHS = 4


class UnitAttempts:
    """An actor that counts how often each unit was started: Ray would retry one that kills its actor forever."""

    def __init__(self) -> None:
        self._started: dict[int, int] = {}

    def start(self, number: int) -> int:
        """Counts one more attempt; returns their number."""
        self._started[number] = self._started.get(number, 0) + 1
        return self._started[number]


class UnitReader:
    """An actor that reads units."""

    def __init__(self, reader: Reader, task: dict[str, Any], version: str, attempts: Any) -> None:
        if (here := metadata.version("tenfold")) != version:
            raise ClusterError(
                f"a node has Tenfold {here}, this machine {version}: install the same version everywhere"
            )
        self._reader, self._task, self._attempts = reader, ReadTask(**task), attempts

    def __call__(self, units: pa.Table) -> pa.Table:
        """number: int64, unit: JSON -> number, part: a Parquet file's bytes, counts: JSON."""
        parts, counts = [], []
        for row in units.to_pylist():
            unit, sink = self._unit_to_read(row["number"], WorkUnit.from_json(row["unit"])), io.BytesIO()
            counts.append(json.dumps(dataclasses.asdict(read_unit(self._reader, unit, self._task, sink))))
            parts.append(sink.getvalue())
        return pa.table(
            {"number": units.column("number"), "part": pa.array(parts, pa.large_binary()), "counts": counts}
        )

    def _unit_to_read(self, number: int, unit: WorkUnit) -> WorkUnit:
        import ray

        try:
            attempts_made = ray.get(self._attempts.start.remote(number))
        except ray.exceptions.RayError:  # Lost with its node: counting starts again.
            attempts_made = 1
        if attempts_made <= _MOST_DEATHS:
            return unit
        message = f"{unit.path}: {_MOST_DEATHS} workers died while reading this part of it"
        return WorkUnit(kind="broken", source=unit.source, path=unit.path, message=message)


def ray_workers(actors: int | None = None) -> Backend:
    """A backend on the cluster that this process is connected to.

    actors: at most so many; by default one for each core of the cluster. Units of a node that dies are read again
    elsewhere. Raises `ClusterError` when the cluster is lost; finished units stay.
    """

    def read(
        units: Iterable[tuple[int, WorkUnit]], task: ReadTask, part: Callable[[int], Path]
    ) -> Generator[UnitProgress | UnitDone]:
        import ray

        # The model is sent along: a node need not have the file.
        reader = Reader(task.model, threads=1)
        plain = dataclasses.asdict(dataclasses.replace(task, model=None))
        units = iter(units)
        try:
            attempts = ray.remote(UnitAttempts).options(num_cpus=0, max_restarts=-1).remote()
            given = (reader, plain, metadata.version("tenfold"), attempts)
            cores: float = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
            most = actors or max(1, int(cores))
            while window := list(islice(units, max(_LEAST_UNITS, _UNITS_PER_ACTOR * most))):
                for row in _read(window, given, min(most, len(window))):
                    files.write_bytes(part(row["number"]), row["part"])
                    yield UnitDone(row["number"], UnitCounts(**json.loads(row["counts"])))
        except ray.exceptions.RayError as error:
            # An actor's own exception is at the end of Ray's message.
            ours = [line for line in str(error).splitlines() if "ClusterError: " in line]
            reason = ours[-1].split("ClusterError: ")[1] if ours else " ".join(str(error).split())[:300]
            raise ClusterError(f"the cluster failed: {reason}; --resume continues") from error

    return read


def _read(window: list[tuple[int, WorkUnit]], given: tuple[Any, ...], actors: int) -> Iterator[dict[str, Any]]:
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL + 1)
    # One block per unit, so that each is a task of its own.
    blocks = [pa.table({"number": [number], "unit": [unit.to_json()]}) for number, unit in window]
    # By Ray's defaults, an actor that dies is replaced and its tasks are run again.
    found = ray.data.from_arrow(blocks).map_batches(
        UnitReader,
        fn_constructor_args=given,
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors, initial_size=actors),
        num_cpus=1,
    )
    for batch in found.iter_batches(batch_size=None, batch_format="pyarrow"):
        assert isinstance(batch, pa.Table)
        yield from batch.to_pylist()
