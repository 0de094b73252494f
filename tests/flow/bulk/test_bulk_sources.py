"""Where the images of a bulk read lie: behind URLs, in large tars, in row groups of any size, in broken shards."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenfold import cli
from tenfold.bulk import read_all
from tenfold.data import idx
from tenfold.jobs.pool import in_process_pool
from tests.flow.bulk.image_sources import folder_of, parquet_of, png, rows, saved, write_tar, written


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_sources_behind_urls(protocol, digits, tmp_path):
    import fsspec

    root = f"memory://bulk-{tmp_path.name}" if protocol == "memory" else f"file://{tmp_path}/in"
    folder_of(digits[:30], tmp_path / "in" / "f")
    write_tar(tmp_path / "in" / "a.tar", {f"{i:03d}.png": png(one) for i, one in enumerate(digits[:9])})
    parquet_of(pa.array([png(one) for one in digits[:9]]), tmp_path / "in" / "a.parquet")
    np.save(tmp_path / "in" / "a.npy", digits[:9])
    if protocol == "memory":
        fsspec.filesystem("memory").put(f"{tmp_path}/in", f"/bulk-{tmp_path.name}", recursive=True)
    read_all([root], tmp_path / "url.parquet", workers=1)
    read_all([tmp_path / "in"], tmp_path / "local.parquet", open_pool=in_process_pool)
    there, here = rows(tmp_path / "url.parquet"), rows(tmp_path / "local.parquet")
    assert len(there) == 57
    for one, other in zip(there, here, strict=True):
        assert one["source"].startswith(f"{protocol}://")
        assert {**one, "source": ""} == {**other, "source": ""}
    found = read_all([f"{root}/f/*/00*.png"], tmp_path / "pattern.parquet", workers=1)
    assert found.rows == 10
    assert [row["key"] for row in rows(tmp_path / "pattern.parquet")][:2] == ["0/000.png", "0/001.png"]


def test_names_are_put_in_order_however_many(monkeypatch):
    from tenfold.bulk import bulk_sources as listing

    monkeypatch.setattr(listing, "_RUN", 7)
    monkeypatch.setattr(listing, "_OPEN", 3)
    names = [f"{number * 37 % 100:02d}\n\udcff.png" for number in range(100)]
    assert list(listing.sort_names(iter(names))) == sorted(names)
    assert list(listing.sort_names(iter([]))) == []


def test_a_large_tar_is_read_in_stretches_and_nothing_is_lost_between_them(digits, tmp_path):
    from tenfold.bulk import image_files

    content = png(digits[0])
    members = {}
    for number in range(9000):
        # Long names have headers of their own before them, in one of two ways.
        long = "long-" * 30 if number % 1000 in (95, 96, 192) else ""
        members[f"{long}{number:05d}.png"] = content
    for style in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / f"{style}.tar"
        with tarfile.open(path, "w", format=style) as tar:
            for name in members:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        units = list(image_files.plan_tar(str(path)))
        assert len(units) == 3
        keys = [key for unit in units for chunk in image_files.read_tar(unit, 256) for key in chunk.keys]
        assert keys == list(members)


def test_row_groups_of_any_size_are_read_once_and_in_order(tmp_path, monkeypatch):
    from tenfold.bulk import parquet_files

    monkeypatch.setattr(parquet_files, "_LONGEST", 5000)
    sizes = [100, 4095, 30, 9000, 20, 4096, 45_000, 1, 1]
    numbers = np.arange(sum(sizes), dtype=np.uint32)
    images = np.zeros((len(numbers), 784), np.uint8)
    images[:, :4] = numbers.view(np.uint8).reshape(-1, 4)
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, pa.schema({"image": pa.list_(pa.uint8(), 784)}), compression="zstd") as writer:
        for part in np.split(images, np.cumsum(sizes)[:-1]):
            writer.write_table(pa.table({"image": pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), 784)}))
    units = list(parquet_files.plan_parquet(str(path), None))
    assert len(units) == 1 + 1 + 2 + 1 + 9 + 1  # 4,195; 30; 9,000 in two; 4,116; 45,000 in nine; 2
    read = [np.concatenate([chunk.images for chunk in parquet_files.read_parquet(unit, 256)]) for unit in units]
    assert [len(one) for one in read] == [unit.count for unit in units]
    assert np.array_equal(np.concatenate(read).reshape(-1, 784)[:, :4].copy().view(np.uint32).ravel(), numbers)


def cut_tar(path: Path, digits) -> Path:
    write_tar(path, {f"{number}.png": png(one) for number, one in enumerate(digits[:10])})
    path.write_bytes(path.read_bytes()[: 1024 * 9 + 700])
    return path


def damaged_header(path: Path, digits) -> Path:
    write_tar(path, {f"{number}.png": png(one) for number, one in enumerate(digits[:10])})
    content = bytearray(path.read_bytes())
    content[1024 * 9] ^= 1
    path.write_bytes(content)
    return path


def no_end(path: Path, digits) -> Path:
    write_tar(path, {f"{number}.png": png(one) for number, one in enumerate(digits[:9])})
    path.write_bytes(path.read_bytes()[: 1024 * 9])
    return path


def cut_gzip(path: Path, digits) -> Path:
    write_tar(path, {f"{number}.png": png(one) for number, one in enumerate(digits[:10])}, "w:gz")
    path.write_bytes(path.read_bytes()[:-600])
    return path


def cut_idx(path: Path, digits) -> Path:
    return written(path, idx.encode(digits[:10])[: 16 + 9 * 784 + 100])


def cut_idx_gz(path: Path, digits) -> Path:
    return written(path, gzip.compress(idx.encode(digits[:10]))[:-100])


def damaged_page(path: Path, digits) -> Path:
    parquet_of(pa.array([png(one) for one in digits[:20]]), path, row_group_size=10, compression="zstd")
    content = bytearray(path.read_bytes())
    place = pq.ParquetFile(path).metadata.row_group(1).column(1).data_page_offset
    content[place : place + 60] = bytes(60)
    path.write_bytes(content)
    return path


DAMAGED = {
    "cut.tar": (cut_tar, 9),
    "header.tar": (damaged_header, 9),
    "no-end.tar": (no_end, 9),
    "cut.tar.gz": (cut_gzip, None),
    "cut-images-idx3-ubyte": (cut_idx, 9),
    "cut-images-idx3-ubyte.gz": (cut_idx_gz, None),
    "page.parquet": (damaged_page, 10),
    "none.parquet": (lambda path, digits: written(path, b"PAR1 and no more"), 0),
    "none.tar": (lambda path, digits: written(path, b"no tar at all" * 100), 0),
    "empty.tar": (lambda path, digits: written(path, b""), 0),
    "none.npy": (lambda path, digits: written(path, b"\x93NUMPY\x01\x00"), 0),
    "odd.npy": (lambda path, digits: saved(path, np.zeros((4, 3))), 0),
    "objects.npy": (lambda path, digits: saved(path, np.array([{}, {}])), 0),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_an_unreadable_shard_is_one_row_and_the_job_continues(name, digits, tmp_path, capsys):
    make, whole = DAMAGED[name]
    path = make(tmp_path / name, digits)
    np.save(tmp_path / "z.npy", digits[:5])
    with pytest.raises(SystemExit) as stopped:
        cli.main(["read-all", str(path), str(tmp_path / "z.npy"), "--out", str(tmp_path / "o.parquet"), "--json"])
    captured = capsys.readouterr()
    assert stopped.value.code == 1
    assert captured.err.strip().splitlines()[-1].startswith("error: 1 shard or part of one could not be read")
    summary = json.loads(captured.out)
    found = rows(tmp_path / "o.parquet")
    of_shard = [row for row in found if row["source"] == str(path)]
    assert (summary["broken"], summary["rows"]) == (1, len(found))
    assert of_shard[-1]["index"] is None
    assert name in of_shard[-1]["error"]
    assert all(row["error"] is None for row in of_shard[:-1])
    if whole is None:
        assert 0 < len(of_shard) - 1 <= 10
    else:
        assert len(of_shard) - 1 == whole
    assert [row["index"] for row in found if row["source"].endswith("z.npy")] == list(range(5))


def test_a_null_pixel_of_a_tensor_costs_its_own_row_alone(mnist, tmp_path):
    pixels = mnist.test_images[:3].reshape(-1).tolist()
    pixels[784 + 5] = None
    rows = pa.FixedSizeListArray.from_arrays(pa.array(pixels, pa.uint8()), 784)
    images = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.uint8(), (28, 28)), rows)
    pq.write_table(pa.table({"image": images}), tmp_path / "in.parquet")
    read_all([tmp_path / "in.parquet"], tmp_path / "out.parquet", open_pool=in_process_pool)
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["digit"] for row in found] == [7, None, 1]
    assert "null" in found[1]["error"]
