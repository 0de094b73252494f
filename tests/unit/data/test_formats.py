"""If these fail, a user's own digits can't be loaded, are loaded wrongly, or the error does not say what to change."""

import gzip
import lzma
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tenfold.data import load_dataset
from tenfold.data.formats import read_source
from tenfold.data.idx import encode
from tenfold.errors import FormatError


def write_idx(folder: Path, part: str, images, labels, dash: str = "-", packing: str = "") -> None:
    folder.mkdir(exist_ok=True)
    pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[packing]
    (folder / f"{part}-images{dash}idx3-ubyte{packing}").write_bytes(pack(encode(images)))
    (folder / f"{part}-labels{dash}idx1-ubyte{packing}").write_bytes(pack(encode(labels)))


def write_images(folder: Path, images, labels, suffix: str = ".png") -> None:
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{index:03}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def write_csv(path: Path, images, labels) -> None:
    np.savetxt(path, np.column_stack([labels, images.reshape(len(images), -1)]), fmt="%d", delimiter=",")


class TestIdx:
    @pytest.mark.parametrize("dash", ["-", "."])
    @pytest.mark.parametrize("packing", ["", ".gz", ".xz"])
    def test_the_four_files_of_mnist(self, digits, tmp_path: Path, dash: str, packing: str) -> None:
        images, labels = digits(20)
        write_idx(tmp_path, "train", images[:15], labels[:15], dash, packing)
        write_idx(tmp_path, "t10k", images[15:], labels[15:], dash, packing)
        dataset = load_dataset(str(tmp_path))
        np.testing.assert_array_equal(dataset.train_images, images[:15])
        np.testing.assert_array_equal(dataset.test_labels, labels[15:])
        assert dataset.name == tmp_path.name
        assert dataset.origin == f"IDX files at {tmp_path}"

    def test_the_same_file_plain_and_packed_counts_once(self, digits, tmp_path: Path) -> None:
        images, labels = digits(20)
        for part in ("train", "t10k"):
            write_idx(tmp_path, part, images, labels)
            write_idx(tmp_path, part, images, labels, packing=".gz")
        assert len(read_source(tmp_path).train_labels) == 20

    def test_one_pair_holds_out_a_seventh_of_each_class(self, digits, tmp_path: Path) -> None:
        images, labels = digits(140)
        write_idx(tmp_path, "mine", images, labels)
        dataset = read_source(tmp_path)
        assert np.bincount(dataset.test_labels).tolist() == [2] * 10
        assert np.bincount(dataset.train_labels).tolist() == [12] * 10
        assert "20 of 140 images (a seventh of each class, seed 0) were held out" in dataset.origin
        together = np.concatenate([dataset.train_images, dataset.test_images])
        assert sorted(image.tobytes() for image in together) == sorted(image.tobytes() for image in images)
        np.testing.assert_array_equal(read_source(tmp_path).test_images, dataset.test_images)

    def test_a_single_file_finds_its_labels(self, digits, tmp_path: Path) -> None:
        write_idx(tmp_path, "train", *digits(14), packing=".gz")
        write_idx(tmp_path, "t10k", *digits(7))
        dataset = read_source(tmp_path / "train-images-idx3-ubyte.gz")
        assert len(dataset.train_labels) == 12
        assert len(dataset.test_labels) == 2

    def test_qmnists_labels_keep_their_writers(self, digits, tmp_path: Path) -> None:
        images, labels = digits(14)
        extended = np.zeros((14, 8), np.int32)
        extended[:, 0], extended[:, 2] = labels, 2100 + np.arange(14)
        (tmp_path / "qmnist-train-images-idx3-ubyte").write_bytes(encode(images))
        (tmp_path / "qmnist-train-labels-idx2-int").write_bytes(encode(extended))
        dataset = read_source(tmp_path)
        assert dataset.train_writers is not None
        assert dataset.test_writers is not None
        for part_labels, writers in (
            (dataset.train_labels, dataset.train_writers),
            (dataset.test_labels, dataset.test_writers),
        ):
            np.testing.assert_array_equal((writers - 2100) % 10, part_labels)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda f: (f / "train-labels-idx1-ubyte").unlink(),
                "labels of .*train-images.* are missing: put train-labels",
            ),
            (lambda f: [p.unlink() for p in f.glob("*images*")], "has labels .* but no images"),
            (lambda f: write_idx(f, "extra", np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)), "several images"),
            (
                lambda f: (f / "train-labels-idx1-ubyte").write_bytes(encode(np.zeros(9, np.uint8))),
                "14 images but 9 labels",
            ),
            (
                lambda f: (f / "t10k-labels-idx1-ubyte").write_bytes(encode(np.full(14, 11, np.uint8))),
                "label 11 of image 0",
            ),
            (
                lambda f: (f / "t10k-images-idx3-ubyte").write_bytes(encode(np.zeros((14, 9, 9), np.uint8))),
                r"uint8\[14,9,9\]",
            ),
            (
                lambda f: (f / "t10k-images-idx3-ubyte").write_bytes(encode(np.zeros((14, 28, 28)))),
                r"not float64\[14,28,28\]",
            ),
            (
                lambda f: (f / "t10k-images-idx3-ubyte").write_bytes(encode(np.zeros(14, np.uint8))),
                r"images are uint8\[N,28,28\], not uint8\[14\]",
            ),
            (lambda f: (f / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08"), "truncated"),
        ],
    )
    def test_each_fault_is_named(self, digits, tmp_path: Path, change, message: str) -> None:
        write_idx(tmp_path, "train", *digits(14))
        write_idx(tmp_path, "t10k", *digits(14))
        change(tmp_path)
        with pytest.raises(FormatError, match=message):
            read_source(tmp_path)

    def test_a_labels_file_alone_is_said_to_be_one(self, digits, tmp_path: Path) -> None:
        write_idx(tmp_path, "train", *digits(14))
        with pytest.raises(FormatError, match="holds labels: give the images file"):
            read_source(tmp_path / "train-labels-idx1-ubyte")

    def test_an_idx_file_of_another_name_says_how_to_call_it(self, digits, tmp_path: Path) -> None:
        (tmp_path / "mine.idx3").write_bytes(encode(digits(3)[0]))
        with pytest.raises(FormatError, match="found by name"):
            read_source(tmp_path / "mine.idx3")


class TestClassFolders:
    def test_images_of_the_form_of_mnist_are_kept_byte_for_byte(self, digits, tmp_path: Path) -> None:
        images, labels = digits(20)
        images[:, 4:24, 4:24] = 100 + images[:, 4:24, 4:24] % 5  # The center of mass in the middle.
        write_images(tmp_path / "train", images[:10], labels[:10])
        write_images(tmp_path / "test", images[10:], labels[10:])
        dataset = read_source(tmp_path)
        np.testing.assert_array_equal(dataset.train_images, images[:10])
        np.testing.assert_array_equal(dataset.test_images, images[10:])

    @pytest.mark.parametrize(
        "suffix",
        [
            ".png",
            ".jpg",
            ".JPEG",
            ".jfif",
            ".jpe",
            ".bmp",
            ".gif",
            ".tif",
            ".webp",
            ".pgm",
            ".ppm",
            ".avif",
            ".jp2",
            ".heic",
        ],
    )
    def test_every_format_is_read_and_normalized(self, tmp_path: Path, suffix: str) -> None:
        pillow_heif.register_heif_opener()
        page = np.full((90, 60, 3), 250, np.uint8)
        page[20:70, 25:35] = 10
        write_images(tmp_path, [page] * 4, [1, 1, 7, 7], suffix)
        dataset = read_source(tmp_path)
        assert len(dataset.train_labels) + len(dataset.test_labels) == 4
        assert dataset.train_images[0, 0, 0] == 0
        assert dataset.train_images[0, 14, 14] > 200

    def test_training_and_prediction_get_the_same_pixels_of_a_small_image(self, tmp_path: Path) -> None:
        from PIL import Image

        from tenfold.ink.normalize import normalize

        off_center = np.zeros((28, 28), np.uint8)
        off_center[2:14, 3:5] = 200
        write_images(tmp_path, [off_center] * 2, [1, 2])
        with Image.open(next(tmp_path.rglob("*.png"))) as image:
            predicted = normalize(image)
        np.testing.assert_array_equal(read_source(tmp_path).train_images[0], predicted)
        assert predicted[13:15].any()

    def test_dark_ink_on_bright_ground_is_turned_even_at_28x28(self, tmp_path: Path) -> None:
        page = np.full((28, 28), 255, np.uint8)
        page[5:23, 12:16] = 0
        write_images(tmp_path, [page] * 2, [1, 2])
        assert read_source(tmp_path).train_images[0, 0, 0] == 0

    def test_other_files_beside_the_images_do_no_harm(self, digits, tmp_path: Path) -> None:
        write_images(tmp_path, *digits(20))
        for name in ("0/.DS_Store", "0/Thumbs.db", "0/._000.png", "readme.txt"):
            (tmp_path / name).write_text("x")
        (tmp_path / "__MACOSX").mkdir()
        assert len(read_source(tmp_path).train_labels) == 17

    @pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
    def test_an_image_that_can_not_be_read_is_named(self, digits, tmp_path: Path, content: bytes) -> None:
        write_images(tmp_path, *digits(10))
        (tmp_path / "3" / "bad.png").write_bytes(content)
        with pytest.raises(FormatError, match=r"3/bad\.png"):
            read_source(tmp_path)

    def test_an_image_cut_short_is_named(self, digits, tmp_path: Path) -> None:
        write_images(tmp_path, *digits(10))
        path = tmp_path / "3" / "003.png"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(FormatError, match=r"3/003\.png"):
            read_source(tmp_path)

    @pytest.mark.parametrize("size", [(9000, 8000), (11000, 9000), (20000, 10000)])
    def test_an_enormous_image_is_refused_before_it_is_decoded(self, digits, tmp_path: Path, size, monkeypatch) -> None:
        write_images(tmp_path, *digits(10))
        Image.new("1", size).save(tmp_path / "3" / "bomb.png")
        real_load = Image.Image.load
        monkeypatch.setattr(
            Image.Image, "load", lambda self: real_load(self) if self.width < 100 else pytest.fail("decoded")
        )
        with pytest.raises(FormatError, match=r"bomb\.png.*64 megapixels"):
            read_source(tmp_path)

    def test_a_class_over_nine_is_named(self, digits, tmp_path: Path) -> None:
        write_images(tmp_path, *digits(10))
        (tmp_path / "10").mkdir()
        with pytest.raises(FormatError, match="10: a class folder is named 0 to 9"):
            read_source(tmp_path)

    def test_empty_class_folders_are_said_to_be_empty(self, tmp_path: Path) -> None:
        (tmp_path / "0").mkdir()
        with pytest.raises(FormatError, match="has no images"):
            read_source(tmp_path)


class TestCsvAndNpz:
    def test_a_folder_of_train_and_test(self, digits, tmp_path: Path) -> None:
        images, labels = digits(20)
        write_csv(tmp_path / "train.csv", images[:15], labels[:15])
        write_csv(tmp_path / "test.csv.gz", images[15:], labels[15:])
        dataset = read_source(tmp_path)
        np.testing.assert_array_equal(dataset.train_images, images[:15])
        np.testing.assert_array_equal(dataset.test_labels, labels[15:])

    def test_one_file_holds_out_a_seventh(self, digits, tmp_path: Path) -> None:
        write_csv(tmp_path / "mine.csv", *digits(70))
        dataset = load_dataset(tmp_path / "mine.csv")
        assert (len(dataset.train_labels), len(dataset.test_labels)) == (60, 10)
        assert "held out" in dataset.origin

    def test_kaggles_unlabeled_test_part_is_left_out_and_named(self, digits, tmp_path: Path) -> None:
        images, labels = digits(14)
        write_csv(tmp_path / "train.csv", images, labels)
        header = ",".join(f"pixel{index}" for index in range(784))
        np.savetxt(tmp_path / "test.csv", images.reshape(14, -1), fmt="%d", delimiter=",", header=header, comments="")
        assert "test.csv has no labels and was left out" in read_source(tmp_path).origin
        with pytest.raises(FormatError, match=r"test\.csv has no labels.*train\.csv"):
            read_source(tmp_path / "test.csv")

    def test_npz(self, digits, tmp_path: Path) -> None:
        images, labels = digits(14)
        np.savez(tmp_path / "mine.npz", images=images, labels=labels)
        assert len(read_source(tmp_path / "mine.npz").test_labels) == 2

    def test_a_single_image_can_not_be_split(self, digits, tmp_path: Path) -> None:
        write_csv(tmp_path / "mine.csv", *digits(1))
        with pytest.raises(FormatError, match="a single image: at least two are needed"):
            read_source(tmp_path / "mine.csv")

    def test_two_images_are_enough(self, digits, tmp_path: Path) -> None:
        write_csv(tmp_path / "mine.csv", *digits(2))
        assert len(read_source(tmp_path / "mine.csv").test_labels) == 1


def test_an_empty_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds nothing; supported are MNIST's IDX files"):
        read_source(tmp_path)


def test_an_unknown_folder_or_file_is_reported_with_the_supported_formats(tmp_path: Path) -> None:
    for name in "abcdefg":
        (tmp_path / f"{name}.txt").write_text("x")
    with pytest.raises(FormatError, match=r"holds a\.txt, .*, \.\.\.; supported are"):
        read_source(tmp_path)
    with pytest.raises(FormatError, match=r"a\.txt is in no supported format"):
        read_source(tmp_path / "a.txt")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no file or folder .*nowhere"):
        read_source(tmp_path / "nowhere")


def test_a_folder_that_can_not_be_listed_is_named(tmp_path: Path, monkeypatch) -> None:
    def refuse(folder: Path):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("os.listdir", refuse)
    with pytest.raises(FormatError, match=r"cannot read .*: Permission denied"):
        read_source(tmp_path)
