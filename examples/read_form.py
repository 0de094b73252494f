"""Read the fields of a scanned form; save what the reader is unsure of as pictures for a person to type in.

Install: pip install tenfold
Run:     python read_form.py form.png
Replace FIELDS with the places on your form. All scans must have the same size and position.
"""

import sys
from pathlib import Path

from PIL import Image

from tenfold import Reader

# Name of each field: left, top, right, bottom, in pixels of the image.
FIELDS = {
    "customer": (40, 40, 440, 140),
    "quantity": (40, 160, 440, 260),
    "total": (40, 280, 440, 380),
}

form = Image.open(sys.argv[1])
numbers = Reader().read_number(form, fields=list(FIELDS.values()))
doubtful = Path("doubtful")
for (name, place), number in zip(FIELDS.items(), numbers, strict=True):
    # `written` has the marks too, as in 12.50; `text` has only the digits.
    print(f"{name:10} {number.written:12} {100 * number.confidence:5.1f} %", end="")
    if number.unsure:
        # Never use one that is unsure without a look at it: most of the wrong ones are among them.
        doubtful.mkdir(exist_ok=True)
        form.crop(place).save(doubtful / f"{name}.png")
        print(f"  check {doubtful / name}.png", end="")
    print()
