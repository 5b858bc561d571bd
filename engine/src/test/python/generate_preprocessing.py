#!/usr/bin/env python3
"""Writes preprocessing.txt: what Pillow, torchvision's and Hugging Face's rules make of noise.

Needs Pillow (9.4.0 was used) and NumPy; run from any folder:

    python3 generate_preprocessing.py > ../resources/dev/fovea/preprocessing.txt
"""
import hashlib
import random

import numpy as np
from PIL import Image


def noise(width, height, seed):
    """The same bytes as PreprocessorTest.noise."""
    state, out = seed, bytearray()
    for _ in range(3 * width * height):
        state = (state * 1103515245 + 12345) & 0xFFFFFFFF
        out.append((state >> 16) & 0xFF)
    return Image.frombytes("RGB", (width, height), bytes(out))


def resize(image, shortest):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if shortest == 0 or shortest == short:
        return image
    other = int(shortest * long / short)
    return image.resize((shortest, other) if width <= height else (other, shortest), Image.BICUBIC)


def crop_axis(length, crop, rounding):
    """(first position kept, padding before)"""
    if crop <= length:
        excess = length - crop
        return (round(excess / 2) if rounding == "ORIGINAL" else excess // 2), 0
    missing = crop - length
    return 0, (missing // 2 if rounding == "ORIGINAL" else -(-missing // 2))


def crop(image, crop_height, crop_width, rounding):
    if crop_height == 0:
        return np.asarray(image)
    pixels = np.asarray(image)
    (top, above), (left, before) = (
        crop_axis(pixels.shape[0], crop_height, rounding),
        crop_axis(pixels.shape[1], crop_width, rounding),
    )
    kept = pixels[top : top + crop_height, left : left + crop_width]
    out = np.zeros((crop_height, crop_width, 3), np.uint8)
    out[above : above + kept.shape[0], before : before + kept.shape[1]] = kept
    return out


# width, height, shorter side, crop height, crop width
CASES = [
    (64, 48, 48, 48, 48),  # nothing to resize
    (64, 48, 0, 32, 32),  # no resize asked for
    (64, 48, 0, 0, 0),  # nothing to do
    (30, 20, 0, 48, 40),  # padded on both axes
    (31, 21, 0, 48, 40),  # padded by odd numbers
    (90, 21, 0, 48, 40),  # padded on one axis, cropped on the other
    (31, 21, 14, 40, 35),  # resized, then padded
    (1, 1, 7, 5, 5),
    (1, 50, 4, 3, 3),
    (50, 1, 4, 3, 3),
    (2, 900, 16, 16, 16),
    (900, 2, 16, 16, 16),
    (700, 3, 1, 1, 1),
    (3, 700, 2, 0, 0),
    (401, 299, 17, 0, 0),
    (299, 401, 28, 23, 25),
    (20, 30, 200, 0, 0),
    (33, 27, 97, 90, 92),
    (256, 255, 256, 224, 224),
    (255, 256, 256, 224, 224),
    (500, 333, 256, 224, 224),
    (333, 500, 256, 225, 223),
    (97, 121, 256, 224, 224),
]

chance = random.Random(2)
for _ in range(30):
    width, height = chance.randint(1, 300), chance.randint(1, 300)
    shortest = chance.randint(1, 150)
    if shortest * max(width, height) / min(width, height) < 3000:
        CASES.append((width, height, shortest, chance.randint(1, 160), chance.randint(1, 160)))

print("# width, height, seed, shorter side, crop height, crop width, rounding, SHA-256 of the RGB bytes")
for seed, (width, height, shortest, crop_height, crop_width) in enumerate(CASES, 1):
    resized = resize(noise(width, height, seed), shortest)
    for rounding in ("ORIGINAL", "HUGGING_FACE"):
        out = crop(resized, crop_height, crop_width, rounding)
        digest = hashlib.sha256(out.tobytes()).hexdigest()
        print(width, height, seed, shortest, crop_height, crop_width, rounding, digest)
