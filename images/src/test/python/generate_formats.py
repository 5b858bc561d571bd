#!/usr/bin/env python3
"""Writes a small file of every format and mode that is read, and what Pillow decodes it to.

Needs Pillow (9.4.0 was used) and NumPy; run from this folder:

    python3 generate_formats.py ../../../../samples/astronaut.png ../resources/dev/fovea/images/formats

index.txt gets a line for each file: its name, width, height and the SHA-256 of the RGB bytes. For
lossy WebP the bytes themselves are written, since decoders differ.
"""
import hashlib
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SOURCE, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
WIDTH, HEIGHT = 45, 31
INDEX = {}

rgb = Image.open(SOURCE).convert("RGB").crop((120, 10, 300, 134)).resize((WIDTH, HEIGHT), Image.LANCZOS)
gray = rgb.convert("L")
color_levels, gray_levels = np.asarray(rgb), np.asarray(gray)
alpha = Image.fromarray((np.add.outer(np.arange(HEIGHT) * 5, np.arange(WIDTH) * 3) % 256).astype("u1"))
alpha_levels = np.asarray(alpha)[..., None]
rgba = rgb.copy()
rgba.putalpha(alpha)
palette37, palette16 = rgb.quantize(37), rgb.quantize(16)
black = alpha.point(lambda v: v // 3)
cmyk = Image.merge("CMYK", (*[Image.fromarray(255 - color_levels[..., i]) for i in range(3)], black))
noise = np.random.RandomState(5)
gray16 = (gray_levels.astype("u2") << 8) | noise.randint(0, 256, gray_levels.shape).astype("u2")
color16 = (color_levels.astype("u2") << 8) | noise.randint(0, 256, color_levels.shape).astype("u2")
alpha16 = alpha_levels.astype("u2") * 257


def three(levels):
    return np.repeat(levels[..., None], 3, 2)


def put(name, data=None, expected=None):
    """Expects what Pillow decodes; or what is given, where the policy is another (16-bit gray)."""
    path = FOLDER / name
    if data is not None:
        path.write_bytes(data)
    if expected is None:
        expected = np.asarray(Image.open(path).convert("RGB"))
    levels = np.ascontiguousarray(expected, dtype="u1")
    INDEX[name] = f"{name} {levels.shape[1]} {levels.shape[0]} {hashlib.sha256(levels.tobytes()).hexdigest()}"
    return levels


def save(name, image, **options):
    image.save(FOLDER / name, **options)
    return put(name)


def patched(name, offset, data):
    content = bytearray((FOLDER / name).read_bytes())
    content[offset : offset + len(data)] = data
    return bytes(content)


def png(samples, depth, color_type, interlaced=False, chunks=()):
    def rows(part):
        out = b""
        for row in part:
            flat = row.reshape(-1)
            if depth == 16:
                packed = flat.astype(">u2").tobytes()
            else:
                bits = np.unpackbits(flat.astype("u1")[:, None], axis=1)[:, 8 - depth :].reshape(-1)
                packed = np.packbits(bits).tobytes()
            out += b"\0" + packed
        return out

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = samples.shape
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in passes] if interlaced else [samples]
    data = zlib.compress(b"".join(rows(part) for part in parts if part.size), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced))
    half = len(data) // 2
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(chunk(*c) for c in chunks)
        + chunk(b"IDAT", data[:half])
        + chunk(b"IDAT", data[half:])
        + chunk(b"IEND", b"")
    )


def write_png():
    save("rgb.png", rgb)
    for depth in (1, 2, 4):
        levels = gray_levels >> (8 - depth)
        put(f"gray{depth}.png", png(levels[..., None], depth, 0), three(levels.astype(int) * 255 // ((1 << depth) - 1)))
    put("gray8.png", png(gray_levels[..., None], 8, 0, chunks=[(b"gAMA", struct.pack(">I", 100000))]))
    put("gray16.png", png(gray16[..., None], 16, 0), three(gray_levels))
    put("rgb16.png", png(color16, 16, 2))
    put("rgba16.png", png(np.concatenate([color16, alpha16], 2), 16, 6))
    put("rgba.png", png(np.concatenate([color_levels, alpha_levels], 2), 8, 6))
    put("gray-alpha.png", png(np.concatenate([gray_levels[..., None], alpha_levels], 2), 8, 4))
    put("gray-alpha16.png", png(np.concatenate([gray16[..., None], alpha16], 2), 16, 4), three(gray_levels))
    for depth in (1, 2, 4, 8):
        quantized = rgb.quantize(min(1 << depth, 200))
        indices = np.asarray(quantized)
        entries = bytes(quantized.getpalette()[: 3 * (int(indices.max()) + 1)])
        chunks = [(b"PLTE", entries), (b"tRNS", bytes([0, 128]))]
        put(f"palette{depth}.png", png(indices[..., None], depth, 3, chunks=chunks))
    transparent = struct.pack(">HHH", *map(int, color_levels[0, 0]))
    put("rgb-transparent.png", png(color_levels, 8, 2, chunks=[(b"tRNS", transparent)]))
    transparent = struct.pack(">H", int(gray_levels[0, 0]))
    put("gray-transparent.png", png(gray_levels[..., None], 8, 0, chunks=[(b"tRNS", transparent)]))
    put("interlaced-rgb.png", png(color_levels, 8, 2, True))
    put("interlaced-gray16.png", png(gray16[..., None], 16, 0, True), three(gray_levels))
    entries = bytes(palette16.getpalette()[:48])
    put("interlaced-palette4.png", png(np.asarray(palette16)[..., None], 4, 3, True, [(b"PLTE", entries)]))
    put("one-pixel.png", png(color_levels[:1, :1], 8, 2))


def write_jpeg():
    for subsampling, name in ((0, "444"), (1, "422"), (2, "420")):
        save(f"baseline-{name}.jpg", rgb, quality=90, subsampling=subsampling)
    save("progressive.jpg", rgb, quality=85, progressive=True)
    save("gray.jpg", gray, quality=90)
    save("gray-progressive.jpg", gray, quality=80, progressive=True)
    save("bad-profile.jpg", rgb, quality=90, icc_profile=b"not a profile")
    save("cmyk.jpg", cmyk, quality=92)
    # Pillow writes no YCCK: encode YCbCr of the inverted inks as if they were inks, then say so.
    ycc = Image.merge("RGB", cmyk.split()[:3]).point(lambda v: 255 - v).convert("YCbCr")
    inks = [channel.point(lambda v: 255 - v) for channel in ycc.split()]
    Image.merge("CMYK", (*inks, black)).save(FOLDER / "ycck.jpg", quality=92)
    adobe = (FOLDER / "ycck.jpg").read_bytes().index(b"Adobe")
    put("ycck.jpg", patched("ycck.jpg", adobe + 11, b"\2"))
    # The same components without a JFIF marker; and declared to be RGB.
    content = (FOLDER / "baseline-444.jpg").read_bytes()
    start = content.index(b"JFIF") - 4
    end = start + 2 + struct.unpack(">H", content[start + 2 : start + 4])[0]
    put("no-jfif.jpg", content[:start] + content[end:])
    marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    put("rgb-adobe.jpg", content[:start] + marker + content[end:])


def write_gif():
    save("plain.gif", palette37)
    save("interlaced.gif", palette37, interlace=1)
    save("transparent.gif", palette37, transparency=3)
    save("gray.gif", gray)
    second = rgb.rotate(90).resize((WIDTH, HEIGHT)).quantize(20)
    save("animated.gif", palette37, save_all=True, append_images=[second], duration=50)
    frame = b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT)
    for name, source, screen in (("offset", "plain.gif", (WIDTH + 20, HEIGHT + 9)), ("overflow", "transparent.gif", None)):
        offset = (FOLDER / source).read_bytes().index(frame) + 1
        put(f"{name}.gif", patched(source, offset, struct.pack("<HH", 7, 5)))
        if screen:
            put(f"{name}.gif", patched(f"{name}.gif", 6, struct.pack("<HH", *screen)))


def bmp(bits, data, compression=0, masks=b"", entries=b"", height=HEIGHT):
    offset = 54 + len(masks) + len(entries)
    info = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(data), 2835, 2835, len(entries) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + masks + entries + data


def bmp_rows(rows):
    return b"".join(row + b"\0" * (-len(row) % 4) for row in rows)


def run_lengths(indices):
    out = b""
    for row in indices:
        start = 0
        for end in range(1, WIDTH + 1):
            if end == WIDTH or row[end] != row[start]:
                out += bytes((end - start, int(row[start])))
                start = end
        out += b"\0\0"
    return out[:-2] + b"\0\1"


def write_bmp():
    save("rgb.bmp", rgb)
    save("gray.bmp", gray)
    save("palette.bmp", palette37)
    save("bilevel.bmp", rgb.convert("1"))
    save("rgba.bmp", rgba)
    upwards = color_levels[::-1].astype("<u2")
    red, green, blue = upwards[..., 0], upwards[..., 1], upwards[..., 2]
    five = (red >> 3 << 10 | green >> 3 << 5 | blue >> 3).astype("<u2")
    put("rgb555.bmp", bmp(16, bmp_rows(row.tobytes() for row in five)))
    six = (red >> 3 << 11 | green >> 2 << 5 | blue >> 3).astype("<u2")
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    put("rgb565.bmp", bmp(16, bmp_rows(row.tobytes() for row in six), 3, masks))
    put("top-down.bmp", bmp(24, bmp_rows(row[:, ::-1].tobytes() for row in color_levels), height=-HEIGHT))
    unused = np.full((HEIGHT, WIDTH, 1), 9, "u1")
    put("rgbx.bmp", bmp(32, np.concatenate([color_levels[::-1, :, ::-1], unused], 2).tobytes()))
    indices = np.asarray(palette16)[::-1]
    entries = b"".join(bytes(palette16.getpalette()[3 * i : 3 * i + 3][::-1]) + b"\0" for i in range(16))
    even = np.pad(indices, ((0, 0), (0, 1)))
    put("palette4.bmp", bmp(4, bmp_rows((row[::2] << 4 | row[1::2]).tobytes() for row in even), entries=entries))
    put("run-lengths.bmp", bmp(8, run_lengths(indices), 1, entries=entries), np.asarray(palette16.convert("RGB")))


def tiff(samples, bits, photometric, data, extra=(), big_endian=False):
    order = ">" if big_endian else "<"
    tags = [(256, 4, [WIDTH]), (257, 4, [HEIGHT]), (258, 3, [bits] * samples), (259, 3, [1])]
    tags += [(262, 3, [photometric]), (273, 4, [0]), (277, 3, [samples]), (278, 4, [HEIGHT]), (279, 4, [len(data)])]
    tags = sorted(tags + list(extra))
    size, code = {3: 2, 4: 4}, {3: "H", 4: "I"}
    base = 8 + 2 + 12 * len(tags) + 4
    outside = sum(size[kind] * len(v) for _, kind, v in tags if size[kind] * len(v) > 4)
    directory, values = struct.pack(order + "H", len(tags)), b""
    for tag, kind, value in tags:
        value = [base + outside] if tag == 273 else value
        packed = struct.pack(order + code[kind] * len(value), *value)
        directory += struct.pack(order + "HHI", tag, kind, len(value))
        if len(packed) > 4:
            directory += struct.pack(order + "I", base + len(values))
            values += packed
        else:
            directory += packed.ljust(4, b"\0")
    magic = b"MM\0*" if big_endian else b"II*\0"
    return magic + struct.pack(order + "I", 8) + directory + b"\0\0\0\0" + values + data


def write_tiff():
    for name, kind in (("raw", None), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"), ("packbits", "packbits")):
        save(f"{name}.tif", rgb, compression=kind)
    save("gray.tif", gray, compression="tiff_lzw")
    save("palette.tif", palette37, compression="packbits")
    save("cmyk.tif", cmyk, compression="tiff_lzw")
    save("rgba.tif", rgba, compression="tiff_lzw")
    save("bilevel.tif", rgb.convert("1"), compression="group4")
    save("multipage.tif", rgb, save_all=True, append_images=[gray], compression="tiff_lzw")
    save("jpeg.tif", rgb, compression="jpeg", quality=92)
    Image.fromarray(gray16).save(FOLDER / "gray16.tif")
    put("gray16.tif", expected=three(gray_levels))
    put("rgb16.tif", tiff(3, 16, 2, color16.astype("<u2").tobytes()), color_levels)
    put("rgb16-big-endian.tif", tiff(3, 16, 2, color16.astype(">u2").tobytes(), big_endian=True), color_levels)
    put("white-is-zero.tif", tiff(1, 8, 0, (255 - gray_levels).tobytes()), three(gray_levels))
    put("white-is-zero16.tif", tiff(1, 16, 0, (65535 - gray16).astype("<u2").tobytes()), three(gray_levels))
    multiplied = (color_levels.astype(int) * alpha_levels // 255).astype("u1")
    data = np.concatenate([multiplied, alpha_levels], 2).tobytes()
    put("premultiplied.tif", tiff(4, 8, 2, data, extra=[(338, 3, [1])]))
    put("orientation6.tif", tiff(3, 8, 2, color_levels.tobytes(), extra=[(274, 3, [6])]), color_levels)


def write_webp():
    save("lossless.webp", rgb, lossless=True)
    save("lossless-alpha.webp", rgba, lossless=True, exact=True)
    turned = rgb.rotate(90).resize((WIDTH, HEIGHT))
    save("animated.webp", rgb, save_all=True, append_images=[turned], lossless=True)
    for name, image in (("lossy", rgb), ("lossy-alpha", rgba)):
        levels = save(f"{name}.webp", image, quality=85)
        (FOLDER / f"{name}.webp.rgb").write_bytes(levels.tobytes())


def write_orientations():
    """Of every orientation, the levels as stored."""
    for value in range(1, 9):
        exif = Image.Exif()
        exif[274] = value
        save(f"orientation{value}.jpg", rgb, quality=95, exif=exif)
        if value == 6:
            save("orientation6.png", rgb, exif=exif)
            save("orientation6.webp", rgb, exif=exif, lossless=True)


def write_profiles(profile):
    """A profile that exchanges red and blue: nobody may apply it."""
    exchanged = profile.replace(b"rXYZ", b"temp").replace(b"bXYZ", b"rXYZ").replace(b"temp", b"bXYZ")
    assert exchanged != profile
    save("profile.png", rgb, icc_profile=exchanged)
    save("profile.jpg", rgb, icc_profile=exchanged, quality=90)
    save("profile.tif", rgb, icc_profile=exchanged, compression="tiff_lzw")
    save("profile.webp", rgb, icc_profile=exchanged, lossless=True)


rgb.info.clear()  # the source's profile would be half of every file
for write in (write_png, write_jpeg, write_gif, write_bmp, write_tiff, write_webp, write_orientations):
    write()
write_profiles(Image.open(SOURCE).info["icc_profile"])
header = "# file, width, height, SHA-256 of the RGB bytes\n"
(FOLDER / "index.txt").write_text(header + "".join(f"{line}\n" for _, line in sorted(INDEX.items())))
