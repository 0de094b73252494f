"""The catalog of data sets known by name: files, digests, licence and shape.

The MD5 digests are those published by pytorch/vision, `torchvision/datasets/mnist.py`; for Fashion-MNIST its authors
publish the same ones (zalandoresearch/fashion-mnist, `README.md`). MD5 detects a damaged or replaced file; no stronger
digest has been published for all of these files. Sizes of compressed files are from tensorflow/datasets,
`tensorflow_datasets/url_checksums/*.txt`. The SHA-256 digests are of MNIST's unpacked files.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tenfold.data.dataset import DIGITS
from tenfold.errors import UsageError, nearest

# Called during a download with the file's name, the bytes so far, and the total if the server reports it.
DownloadProgress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file to download. urls: mirrors, tried in order. digest: `md5:` or `sha256:`, then hexadecimal digits."""

    name: str
    urls: tuple[str, ...]
    digest: str
    size_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A data set known by name.

    train, test: names of the IDX files with images and with labels. archive: name of the zip that holds these, None if
    they are separate files. transposed: the files hold images with x and y exchanged. unpacked_sha256: (file name,
    digest of the unpacked bytes); only for the data set that ships with the package.
    """

    name: str
    title: str
    files: tuple[RemoteFile, ...]
    train: tuple[str, str]
    test: tuple[str, str]
    train_count: int
    test_count: int
    class_names: tuple[str, ...]
    licence: str
    citation: str
    homepage: str
    archive: str | None = None
    transposed: bool = False
    unpacked_sha256: tuple[tuple[str, str], ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether the data set ships with the package."""
        return bool(self.unpacked_sha256)


def find_entry(name: str) -> CatalogEntry:
    """Finds an entry by name; case, `-` and `_` don't matter. Raises `UsageError` naming the nearest known one."""
    for entry in CATALOG:
        if _plain(entry.name) == _plain(name):
            return entry
    raise UsageError(f"no data set is called {name!r}{nearest(name.lower(), (entry.name for entry in CATALOG))}")


def is_known(name: str) -> bool:
    """Whether `find_entry` knows the name."""
    return any(_plain(entry.name) == _plain(name) for entry in CATALOG)


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")


def _files(mirrors: tuple[str, ...], *files: tuple[str, str, int | None]) -> tuple[RemoteFile, ...]:
    """Files that every mirror has under the same name: (name, MD5, size in bytes)."""
    return tuple(
        RemoteFile(name=name, urls=tuple(mirror + name for mirror in mirrors), digest=f"md5:{md5}", size_bytes=size)
        for name, md5, size in files
    )


_STANDARD_TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
_STANDARD_TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")

MNIST = CatalogEntry(
    name="mnist",
    title="MNIST handwritten digits",
    # The origin of the embedded files; nothing is fetched. Mirrors: torchvision's, tensorflow/datasets', and the
    # authors', which often answers 403 (pytorch/pytorch issue 53267).
    files=_files(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    train=_STANDARD_TRAIN,
    test=_STANDARD_TEST,
    train_count=60_000,
    test_count=10_000,
    class_names=DIGITS,
    licence="CC BY-SA 3.0",
    citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE 86(11), 1998",
    homepage="http://yann.lecun.com/exdb/mnist/",
    unpacked_sha256=(
        ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
)

FASHION_MNIST = CatalogEntry(
    name="fashion-mnist",
    title="Fashion-MNIST: articles of clothing",
    # The authors' bucket, their repository, and the copy that Keras fetches (keras/src/datasets/fashion_mnist.py).
    files=_files(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    ),
    train=_STANDARD_TRAIN,
    test=_STANDARD_TEST,
    train_count=60_000,
    test_count=10_000,
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    licence="MIT",
    citation="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine "
    "learning algorithms, arXiv:1708.07747, 2017",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
)

KMNIST = CatalogEntry(
    name="kmnist",
    title="Kuzushiji-MNIST: cursive Japanese characters",
    # The authors' site, and the bucket that the first version of their README named.
    files=_files(
        (
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/kuzushiji-mnist/",
        ),
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7", 18_165_135),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344", 29_497),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7", 3_041_136),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134", 5_120),
    ),
    train=_STANDARD_TRAIN,
    test=_STANDARD_TEST,
    train_count=60_000,
    test_count=10_000,
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    licence="CC BY-SA 4.0",
    citation="T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto and D. Ha, Deep learning for classical "
    "Japanese literature, arXiv:1812.01718, 2018. KMNIST Dataset (created by CODH), adapted from Kuzushiji Dataset "
    "(created by NIJL and others), doi:10.20676/00000341",
    homepage="https://github.com/rois-codh/kmnist",
)

EMNIST_DIGITS = CatalogEntry(
    name="emnist-digits",
    title="EMNIST digits: 280,000 digits of NIST Special Database 19",
    # NIST moved the file in 2024 (pytorch/vision pull request 8350); its old address (the
    # last one) now returns a web page. The second is the authors' university.
    files=(
        RemoteFile(
            name="emnist-gzip.zip",
            urls=(
                "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
                "https://rds.westernsydney.edu.au/Institutes/MARCS/BENS/EMNIST/emnist-gzip.zip",
                "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
            ),
            digest="md5:58c8d27c78d21e728a6bc7b3cc06412e",
            size_bytes=561_753_746,
        ),
    ),
    train=("gzip/emnist-digits-train-images-idx3-ubyte.gz", "gzip/emnist-digits-train-labels-idx1-ubyte.gz"),
    test=("gzip/emnist-digits-test-images-idx3-ubyte.gz", "gzip/emnist-digits-test-labels-idx1-ubyte.gz"),
    train_count=240_000,
    test_count=40_000,
    class_names=DIGITS,
    licence="none stated by its authors; made from NIST Special Database 19, a work of the US government",
    citation="G. Cohen, S. Afshar, J. Tapson and A. van Schaik, EMNIST: an extension of MNIST to handwritten letters, "
    "arXiv:1702.05373, 2017",
    homepage="https://www.nist.gov/itl/products-and-services/emnist-dataset",
    archive="emnist-gzip.zip",
    # tensorflow/datasets issue 812, pytorch/vision issue 8783.
    transposed=True,
)

QMNIST = CatalogEntry(
    name="qmnist",
    title="QMNIST: MNIST rebuilt from NIST's forms, with all 60,000 test digits and their writers",
    files=_files(
        (
            "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
            "https://github.com/facebookresearch/qmnist/raw/master/",
        ),
        ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370", None),
        ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4", None),
        ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412", None),
        ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa", None),
    ),
    train=("qmnist-train-images-idx3-ubyte.gz", "qmnist-train-labels-idx2-int.gz"),
    test=("qmnist-test-images-idx3-ubyte.gz", "qmnist-test-labels-idx2-int.gz"),
    train_count=60_000,
    test_count=60_000,
    class_names=DIGITS,
    licence="BSD 3-clause",
    citation="C. Yadav and L. Bottou, Cold case: the lost MNIST digits, Advances in Neural Information Processing "
    "Systems 32, 2019",
    homepage="https://github.com/facebookresearch/qmnist",
)

CATALOG = (MNIST, FASHION_MNIST, KMNIST, EMNIST_DIGITS, QMNIST)
