"""What `--help` says besides each command's purpose and options: synopsis, examples, exit codes, environment, files."""

# Of each command, what follows its name in the first line of its help.
SYNOPSES = {
    "walk": "[RECIPE] [OPTIONS]",
    "data": "COMMAND",
    "data list": "[OPTIONS]",
    "data info": "[DATASET] [OPTIONS]",
    "data fetch": "DATASET [OPTIONS]",
    "profile": "[DATASET] [OPTIONS]",
    "preprocess": "[DATASET] [OPTIONS]",
    "augment": "[RECIPE] [OPTIONS]",
    "model": "[RECIPE] [OPTIONS]",
    "train": "[RECIPE] [OPTIONS]",
    "calibrate": "[RUN] [OPTIONS]",
    "export": "[RUN] [OPTIONS]",
    "evaluate": "[RUN] [OPTIONS]",
    "predict": "[RUN [IMAGES...]] [OPTIONS]",
    "diagnose": "[RUN] [OPTIONS]",
    "report": "[RUN] [OPTIONS]",
    "compare": "COMMAND",
    "compare models": "[RECIPES...] [OPTIONS]",
    "compare remedies": "[RECIPE] [OPTIONS]",
    "compare recipes": "NAMES... [OPTIONS]",
    "read": "IMAGES... [OPTIONS]",
    "serve": "[OPTIONS]",
    "feedback": "COMMAND",
    "feedback export": "FOLDER [OPTIONS]",
    "sweep": "[RECIPE] [OPTIONS]",
    "read-all": "SOURCES... --out OUT [OPTIONS]",
    "--install-completion": "[SHELL]",
}

# Of the main commands, lines to type and what they do.
EXAMPLES = {
    "walk": (
        ("tenfold walk", "MNIST, with the tutorial's network"),
        ("tenfold walk cnn --epochs 3", "another recipe, changed"),
        ("tenfold walk --dataset my-digits/", "your own digits"),
    ),
    "data": (("tenfold data fetch kmnist", "download it, for --dataset kmnist"),),
    "train": (
        ("tenfold train sprint", "99.2 % in two seconds"),
        ("tenfold train mlp --dropout 0.2 --epochs 5", "change fields of the recipe"),
        ("tenfold train sprint --seeds 5", "five seeds, with the spread"),
        ("tenfold train --resume latest", "after Ctrl-C or a crash"),
        ("tenfold train --from latest --data my-digits/", "fine-tune on your own digits"),
    ),
    "export": (
        ("tenfold export", "the newest run as ONNX"),
        ("tenfold export latest --to web --out my.10fd", "for the web app"),
        ("tenfold export latest --to c --out digits.h", "a C header: no dependencies"),
    ),
    "predict": (
        ("tenfold predict", "random test images"),
        ("tenfold predict latest seven.png", "an image of one digit"),
        ("tenfold predict latest test.csv --out submission.csv", "all of a file"),
    ),
    "compare": (("tenfold compare recipes mlp cnn --seeds 5", "a paired test over five seeds"),),
    "read": (
        ("tenfold read seven.png", "an image of one digit"),
        ("tenfold read --number photo.jpg", "whole numbers, line by line"),
        ("tenfold read --number --fields form.csv scan.png", "the fields of a form"),
        ("tenfold read --json - < seven.png", "from stdin, as JSON"),
    ),
    "serve": (
        ("tenfold serve", "for this machine only"),
        ("tenfold serve --https", "for phones, with a QR code"),
        ("tenfold serve --model runs/2026-11-22-120000-cnn", "your own model, too"),
    ),
    "sweep": (
        ("tenfold sweep --param learning_rate=log:1e-4..1e-1", "log scale"),
        ("tenfold sweep cnn --param width=16,32 --param dropout=0,0.2", "two fields"),
        ("tenfold sweep --resume latest", "after a crash"),
    ),
    "read-all": (
        ("tenfold read-all photos/ --out digits.parquet", "a folder"),
        ("tenfold read-all photos/ --out digits.parquet --resume", "after a crash"),
        ("tenfold read-all 's3://bucket/*.tar' --out digits.parquet", "a bucket"),
    ),
}

EPILOGUE = """\
Start with: tenfold walk

Help on a command, with examples: tenfold COMMAND --help

Exit codes:
  0    Success.
  1    Error: unreadable data, a failed training, a full disk.
  2    Invalid command, option or value.
  130  Interrupted with Ctrl-C.

Environment variables:
  TENFOLD_CACHE         Folder of the cache. [default: ~/.cache/tenfold]
  TENFOLD_DATABASE_URL  Database for feedback. [default: a SQLite file]
  NO_COLOR              If set, output has no colors.

Files:
  runs/                    A folder for each run, sweep and comparison.
  ~/.cache/tenfold/        Unpacked and downloaded data sets; safe to delete.
  ~/.local/share/tenfold/  Feedback and certificates of tenfold serve.
  The last two are Linux paths; macOS and Windows have their own."""


def examples_of(command: str) -> str:
    """The end of a command's help; empty for a command without examples."""
    lines = EXAMPLES.get(command, ())
    width = max((len(line) for line, _ in lines), default=0)
    return "\n".join(["Examples:", *(f"  {line:{width}}  {what}" for line, what in lines)]) if lines else ""
