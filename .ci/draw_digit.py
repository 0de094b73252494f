"""Draws a seven as if with a pen on paper: draw_digit.py FILE."""

import sys

from PIL import Image, ImageDraw

paper = Image.new("RGB", (300, 400), (238, 234, 225))
ImageDraw.Draw(paper).line([(80, 90), (220, 95), (130, 320)], fill=(28, 32, 70), width=22, joint="curve")
paper.save(sys.argv[1])
