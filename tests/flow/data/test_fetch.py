"""If these fail, a user with a bad connection gets a broken file, starts over each time, or waits for ever."""

import errno
import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.catalog import CatalogEntry, RemoteFile
from tenfold.data.fetch import fetch
from tenfold.errors import DownloadError, StorageError

CONTENT = np.random.default_rng(0).integers(0, 256, 1_000_000, np.uint8).tobytes()
NAME = "images.gz"
TIMEOUT_S = 0.4


def entry(mirror, *behaviors: str, digest: str | None = None) -> CatalogEntry:
    mirror.files[NAME] = CONTENT
    file = RemoteFile(
        name=NAME,
        urls=tuple(f"{mirror.url}/{behavior}/{NAME}" for behavior in behaviors),
        digest=digest or f"md5:{hashlib.md5(CONTENT).hexdigest()}",
    )
    return CatalogEntry(
        name="some-set", title="", files=(file,), train=("", ""), test=("", ""), train_count=0, test_count=0,
        class_names=(), license="", citation="", homepage="",
    )  # fmt: skip


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def asked(mirror) -> list[str]:
    return [behavior for behavior, _ in mirror.requests]


def test_a_file_is_fetched_and_progress_is_reported(mirror, tmp_path: Path, capfd) -> None:
    calls = []
    (path,) = fetch(entry(mirror, "good"), tmp_path / "new" / "folder", lambda *call: calls.append(call))
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == {NAME}
    assert calls[0] == (NAME, 0, len(CONTENT))
    assert calls[-1] == (NAME, len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    assert capfd.readouterr() == ("", "")
    assert path.stat().st_mode & 0o444 == 0o444, "another user of a shared cache could not read it"


@pytest.mark.parametrize("bad", ["status403", "status503", "short", "wrong", "page", "silent", "closed"])
def test_the_next_mirror_is_tried(mirror, bad: str, tmp_path: Path) -> None:
    (path,) = fetch(entry(mirror, bad, "good"), tmp_path, timeout_s=TIMEOUT_S)
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == {NAME}
    assert asked(mirror)[-1] == "good"


def test_all_mirrors_of_every_kind_before_the_good_one(mirror, tmp_path: Path) -> None:
    kinds = ("status403", "status503", "short", "wrong", "silent", "closed", "page", "norange")
    (path,) = fetch(entry(mirror, *kinds), tmp_path, timeout_s=TIMEOUT_S)
    assert path.read_bytes() == CONTENT


def test_the_error_names_each_mirror_its_reason_and_the_way_by_hand(mirror, tmp_path: Path) -> None:
    kinds = ("status403", "status503", "short", "wrong", "silent", "closed")
    wanted = entry(mirror, *kinds)
    with pytest.raises(DownloadError) as caught:
        fetch(wanted, tmp_path, timeout_s=TIMEOUT_S)
    text = str(caught.value)
    reasons = (
        "answered 403", "answered 503", "broke off", "the file is not the published one", "no answer in time",
        "the connection failed",
    )  # fmt: skip
    for kind, reason in zip(kinds, reasons, strict=True):
        assert f"{mirror.url}/{kind}/{NAME}: {reason}" in text
    assert f"place it at {tmp_path / NAME}" in text
    assert hashlib.md5(CONTENT).hexdigest() in text
    assert "\n" not in text
    assert NAME not in names(tmp_path)


def test_no_server_at_all_is_a_download_error(mirror, tmp_path: Path) -> None:
    wanted = entry(mirror, "good")
    gone = RemoteFile(name=NAME, urls=("http://127.0.0.1:9/x",), digest=wanted.files[0].digest)
    with pytest.raises(DownloadError, match="the connection failed"):
        fetch(CatalogEntry(**{**vars(wanted), "files": (gone,)}), tmp_path, timeout_s=TIMEOUT_S)


def test_an_interrupted_download_resumes(mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:700_000])
    calls = []
    (path,) = fetch(entry(mirror, "good"), tmp_path, lambda *call: calls.append(call))
    assert path.read_bytes() == CONTENT
    assert mirror.requests == [("good", "bytes=700000-")]
    assert mirror.served_bytes == 300_000
    assert calls[0] == (NAME, 700_000, len(CONTENT))


def test_a_mirror_that_breaks_off_again_and_again_is_asked_for_the_rest(mirror, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="broke off"):
        fetch(entry(mirror, "half"), tmp_path, timeout_s=TIMEOUT_S)
    assert len(mirror.requests) == 5
    kept = (tmp_path / f"{NAME}.part").stat().st_size
    assert kept == mirror.served_bytes > 0.9 * len(CONTENT)
    fetch(entry(mirror, "good"), tmp_path)
    assert mirror.served_bytes == len(CONTENT), "bytes were fetched twice"


def test_what_one_mirror_began_another_finishes(mirror, tmp_path: Path) -> None:
    (path,) = fetch(entry(mirror, "short", "good"), tmp_path, timeout_s=TIMEOUT_S)
    assert path.read_bytes() == CONTENT
    assert mirror.served_bytes == len(CONTENT)


def test_a_server_that_ignores_range_starts_over(mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:700_000])
    (path,) = fetch(entry(mirror, "norange"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == {NAME}
    assert path.stat().st_mode & 0o444 == 0o444


def test_a_page_instead_of_the_file_does_not_cost_what_was_fetched(mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:700_000])
    fetch(entry(mirror, "page", "good"), tmp_path)
    assert asked(mirror) == ["page", "good"]
    assert mirror.served_bytes == 300_000 + len("<html>moved</html>")


def test_a_part_of_another_file_is_given_up(mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 500)
    (path,) = fetch(entry(mirror, "good"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in mirror.requests] == ["bytes=500-", None]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"x"])
def test_a_complete_or_too_long_part_is_handled(mirror, part: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(part)
    (path,) = fetch(entry(mirror, "good"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert mirror.served_bytes == (0 if part == CONTENT else len(CONTENT))


def test_another_range_than_asked_for_is_not_taken(mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:500])
    (path,) = fetch(entry(mirror, "shifted", "good"), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_fetched_again(mirror, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    fetch(entry(mirror, "good"), tmp_path)
    assert mirror.requests == []


def test_a_wrong_file_in_its_place_is_replaced_or_named(mirror, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"something else")
    with pytest.raises(DownloadError, match="the file that is there now has another md5"):
        fetch(entry(mirror, "status503"), tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"something else"
    fetch(entry(mirror, "good"), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_the_name_holds_no_unverified_byte_at_any_time(mirror, tmp_path: Path) -> None:
    seen = []
    with pytest.raises(DownloadError):
        fetch(entry(mirror, "wrong", "half"), tmp_path, lambda *_: seen.append((tmp_path / NAME).exists()))
    assert seen
    assert not any(seen)


def test_two_concurrent_downloads_fetch_once(mirror, tmp_path: Path) -> None:
    wanted = entry(mirror, "good")
    threads = [threading.Thread(target=fetch, args=(wanted, tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert mirror.served_bytes == len(CONTENT)


def test_sha256_is_verified_too(mirror, tmp_path: Path) -> None:
    fetch(entry(mirror, "good", digest=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"), tmp_path)
    with pytest.raises(DownloadError, match="wrong digest"):
        fetch(entry(mirror, "good", digest=f"sha256:{'0' * 64}"), tmp_path / "other")


def test_a_full_disk_is_reported_immediately_and_not_blamed_on_mirrors(mirror, tmp_path: Path, monkeypatch) -> None:
    real_open = Path.open

    def open_full(self: Path, mode: str = "r", *args, **options):
        file = real_open(self, mode, *args, **options)
        if self.suffix == ".part":
            file.close()
            raise OSError(errno.ENOSPC, "No space left on device")
        return file

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(StorageError, match="the disk is full"):
        fetch(entry(mirror, "good", "good"), tmp_path)
    assert len(mirror.requests) == 1


def test_a_folder_that_can_not_be_written_to_is_said(mirror, tmp_path: Path, monkeypatch) -> None:
    def refuse(self: Path, *args, **options) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match="read-only: write elsewhere"):
        fetch(entry(mirror, "good"), tmp_path / "new")
    assert mirror.requests == []
