"""Objects behind a made-up data set: the same few pictures for every pack, so that its pages show something.

The model inputs of every pack are one empty object. Nothing can be learned from such frames, nor scored anew.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageDraw

from curation import storage

WIDTH, HEIGHT = 160, 90
PICTURES = 8  # of each kind
WRITERS = 16
NOTHING = b"-"

Place = tuple[int, int]  # offset and length in the object


def thumbnails() -> tuple[bytes, list[Place], list[Place]]:
    """One object of JPEGs end to end; where the pictures of the match lie in it, and where those of ads."""
    draw = random.Random(0)  # noqa: S311  (pictures, no secrets)
    pictures = [_match(draw) for _ in range(PICTURES)] + [_ad(draw) for _ in range(PICTURES)]
    data, places = b"", list[Place]()
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=70)
        places.append((len(data), buffer.tell()))
        data += buffer.getvalue()
    return data, places[:PICTURES], places[PICTURES:]


def _match(draw: random.Random) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), (40, 120 + draw.randrange(20), 50))
    pen = ImageDraw.Draw(picture)
    for x in range(-WIDTH, WIDTH, 40):
        pen.polygon([(x, HEIGHT), (x + 20, HEIGHT), (x + 60, 20), (x + 40, 20)], fill=(48, 134, 58))
    pen.rectangle([(0, 0), (WIDTH, 20)], fill=(90, 92, 100))
    pen.line([(draw.randrange(WIDTH), 20), (draw.randrange(WIDTH), HEIGHT)], fill=(235, 235, 235), width=2)
    for _ in range(12):
        x, y = draw.randrange(WIDTH), draw.randrange(26, HEIGHT - 8)
        pen.rectangle([(x, y), (x + 2, y + 7)], fill=draw.choice([(200, 40, 40), (245, 245, 245)]))
    return picture


def _ad(draw: random.Random) -> Image.Image:
    colour = draw.choice([(240, 200, 40), (30, 60, 160), (220, 60, 90), (20, 20, 24), (250, 250, 250)])
    picture = Image.new("RGB", (WIDTH, HEIGHT), colour)
    pen = ImageDraw.Draw(picture)
    x, y = draw.randrange(20, 80), draw.randrange(10, 40)
    fill = draw.choice([(255, 255, 255), (255, 120, 0), (0, 150, 136)])
    pen.ellipse([(x, y), (x + 60, y + 40)], fill=fill)
    pen.rectangle([(10, 66), (10 + draw.randrange(60, 140), 78)], fill=(250, 250, 250), outline=(0, 0, 0))
    return picture


def write(objects: Iterable[tuple[str, bytes]]) -> None:
    """Several at once: one after the other, the way to the store and back is most of the time."""
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(lambda each: storage.write(*each), objects):
            pass
