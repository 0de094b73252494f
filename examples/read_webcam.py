"""Read the number that is held in front of a camera.

Install: pip install tenfold opencv-python
Run:     python read_webcam.py           # the first camera
         python read_webcam.py SOURCE    # a video file, or the address of a stream
"""

import sys

import cv2

from tenfold import Reader

# Frames to look at: a camera needs a few to adjust its exposure, and a hand a few to keep still.
FRAMES = 100

source = sys.argv[1] if len(sys.argv) > 1 else 0
reader = Reader()
camera = cv2.VideoCapture(source)
number = None
for _ in range(FRAMES):
    grabbed, frame = camera.read()  # uint8[H,W,3], blue first
    if not grabbed:
        break
    number = reader.read_number(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    if not number.unsure:
        break
camera.release()

if number is None:
    sys.exit(f"no image from {source or 'the camera'}")
print(f"{number.text or 'no digits'}  confidence {100 * number.confidence:.1f} %{'  unsure' if number.unsure else ''}")
