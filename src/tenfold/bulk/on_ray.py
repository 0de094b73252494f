"""Bulk reading on a Ray cluster: Ray Data, with a pool of actors that hold a Reader each.

The units and the rows are those of one machine. A unit's part file comes back through the cluster's object store, and
is written here, where the output is: nodes need to see the sources, and nothing else.
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
from tenfold.bulk.pool import Engine, Finished, Moving
from tenfold.bulk.unit import Unit
from tenfold.bulk.work import Counts, Task, read_unit
from tenfold.errors import ClusterError
from tenfold.reading.reader import Reader

# Units that are handed to the cluster at a time, for each actor and at least: their names are held in its memory.
_EACH, _LEAST = 32, 256
# Actors that may die over a unit: the next one makes it a row with an error.
_ENOUGH = 4


class Attempts:
    """An actor that counts how often each unit was begun: Ray would hand one that kills its reader out for ever."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}

    def begin(self, number: int) -> int:
        """Counts one more, and tells how many it is now."""
        self._begun[number] = self._begun.get(number, 0) + 1
        return self._begun[number]


class UnitReader:
    """An actor that reads units."""

    def __init__(self, reader: Reader, task: dict[str, Any], version: str, attempts: Any) -> None:
        if (here := metadata.version("tenfold")) != version:
            raise ClusterError(f"a node has Tenfold {here}, and this machine {version}: install one version on all")
        self._reader, self._task, self._attempts = reader, Task(**task), attempts

    def __call__(self, units: pa.Table) -> pa.Table:
        """number: int64, unit: JSON -> number, part: a Parquet file's bytes, counts: JSON."""
        parts, counts = [], []
        for row in units.to_pylist():
            unit, sink = self._spared(row["number"], Unit.from_json(row["unit"])), io.BytesIO()
            counts.append(json.dumps(dataclasses.asdict(read_unit(self._reader, unit, self._task, sink))))
            parts.append(sink.getvalue())
        return pa.table(
            {"number": units.column("number"), "part": pa.array(parts, pa.large_binary()), "counts": counts}
        )

    def _spared(self, number: int, unit: Unit) -> Unit:
        import ray

        try:
            begun = ray.get(self._attempts.begin.remote(number))
        except ray.exceptions.RayError:  # Lost with its node: the count begins again.
            begun = 1
        if begun <= _ENOUGH:
            return unit
        message = f"{unit.path}: {_ENOUGH} workers died over this part of it"
        return Unit(kind="broken", source=unit.source, path=unit.path, message=message)


def on_ray(actors: int | None = None) -> Engine:
    """An engine on the cluster that this process is connected to.

    actors: how many read at most; one for each of the cluster's cores, unless said. What a dead node had in hand is
    read again elsewhere. Raises `ClusterError` where the cluster is lost; what is done stays.
    """

    def read(
        units: Iterable[tuple[int, Unit]], task: Task, part: Callable[[int], Path]
    ) -> Generator[Moving | Finished]:
        import ray

        # The model travels along: a node need not have the file.
        reader = Reader(task.model, threads=1)
        plain = dataclasses.asdict(dataclasses.replace(task, model=None))
        units = iter(units)
        try:
            attempts = ray.remote(Attempts).options(num_cpus=0, max_restarts=-1).remote()
            given = (reader, plain, metadata.version("tenfold"), attempts)
            cores: float = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
            most = actors or max(1, int(cores))
            while window := list(islice(units, max(_LEAST, _EACH * most))):
                for row in _read(window, given, min(most, len(window))):
                    files.write_bytes(part(row["number"]), row["part"])
                    yield Finished(row["number"], Counts(**json.loads(row["counts"])))
        except ray.exceptions.RayError as error:
            # What an actor raised stands at the end of what Ray tells of it.
            ours = [line for line in str(error).splitlines() if "ClusterError: " in line]
            reason = ours[-1].split("ClusterError: ")[1] if ours else " ".join(str(error).split())[:300]
            raise ClusterError(f"the cluster failed: {reason}; --resume goes on") from error

    return read


def _read(window: list[tuple[int, Unit]], given: tuple[Any, ...], actors: int) -> Iterator[dict[str, Any]]:
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL + 1)
    # A block for each, so that each is a task of its own.
    blocks = [pa.table({"number": [number], "unit": [unit.to_json()]}) for number, unit in window]
    # Ray's defaults, which it has for this: an actor that dies is replaced, and its tasks are run again.
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
