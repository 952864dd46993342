"""Bytes from a stranger to pixels, or a refusal that says why.

What is checked, in this order: the kind (an allow-list; nothing that runs an interpreter, and never the file's name or
declared type), the size its header states (before any pixel is decoded), how long decoding could take, and last that
every byte of it is there.  Of an animation only the first frame is decoded.
"""

from __future__ import annotations

import io
import re
import struct
import warnings

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from preprocessing.errors import ImageError, ImageTooLarge
from preprocessing.jpeg import jpeg_pixels
from preprocessing.rgb import as_rgb

_PLUGINS: tuple[type[ImageFile.ImageFile], ...] = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    TiffImagePlugin.TiffImageFile,
    AvifImagePlugin.AvifImageFile,
    Jpeg2KImagePlugin.Jpeg2KImageFile,
    PpmImagePlugin.PpmImageFile,
    IcoImagePlugin.IcoImageFile,
)
_FORMATS = tuple(str(plugin.format) for plugin in _PLUGINS)
_KINDS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM and ICO"

_SIGNATURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP|GIF8[79]a|II\*\x00|MM\x00\*|.{4}ftypavi[fs]"
    rb"|\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51|\x00\x00\x01\x00",
    re.DOTALL,
)
"""First bytes that no text and no other kind of file has by chance: what begins so was meant to be an image."""

_MAX_SCANS = 100
"""Each scan of a progressive JPEG goes over the whole picture, and one of 75 bytes is enough to make it do so."""

_SLOW_DECODERS = {"ppm", "ppm_plain", "bmp_rle"}
_MAX_SLOW_PIXELS = 2_000_000
"""Pillow decodes these in Python, at about a megapixel a second and without letting go of the interpreter."""

_PILLOW = r"PIL\."
_PILLOW_IS_QUIET = ("ignore", None, Warning, re.compile(_PILLOW), 0)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what puts the stored pixels right.  From 5 on, width and height change places."""


def decode_image(data: bytes, *, max_pixels: int = 50_000_000, draft: tuple[int, int] | None = None) -> Image.Image:
    """Decode a picture whole, turn it as its EXIF data says, and give it in mode "RGB".

    ``draft`` is a (width, height) that suffices: a JPEG is then decoded at a half, a quarter or an eighth of its size
    where that is no smaller.  It is faster and its pixels are not the same.  May be called from any thread.

    Raises:
        ImageTooLarge: ``image_too_large``, more than ``max_pixels`` or a form that would take too long to decode.
        ImageError: ``not_an_image`` for what is no image of an allowed kind, ``image_damaged`` for a damaged one.
    """
    _silence_pillow()
    try:
        image = _open(data, max_pixels)
        _refuse_costly(image, data, max_pixels)
        return _turned(_loaded(image, data, draft), image)
    except ImageError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise _too_many_pixels(max_pixels) from error
    # Decoders raise nearly anything on damaged files; whatever it is, the file is at fault.
    except Exception as error:
        raise _damaged() from error


def _silence_pillow() -> None:
    """Keep Pillow's remarks about odd files from being printed, or raised where warnings are errors.

    The filter is put in place once and stays: ``catch_warnings`` around each call would not be thread-safe.
    It is looked for each time because a test runner takes it away.
    """
    if tuple(warnings.filters[:1]) != (_PILLOW_IS_QUIET,):
        warnings.filterwarnings("ignore", module=_PILLOW)


def _open(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Read the header only."""
    if data.startswith(b"\x00\x00\x01\x00"):
        _refuse_large_icon(data, max_pixels)
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, MemoryError):
        raise
    except Exception as error:
        raise (_damaged() if _SIGNATURE.match(data) else _not_an_image(data)) from error


def _refuse_large_icon(data: bytes, max_pixels: int) -> None:
    """Look at the pictures inside an ICO file, which Pillow decodes while it opens the file."""
    count = int.from_bytes(data[4:6], "little")
    directory = data[6 : 6 + 16 * count]
    for (offset,) in struct.iter_unpack("<12xI", directory[: len(directory) // 16 * 16]):
        header = data[offset : offset + 24].ljust(24, b"\0")
        width, height = (
            struct.unpack(">II", header[16:]) if header[1:4] == b"PNG" else struct.unpack_from("<II", header, 4)
        )
        if width * height > min(max_pixels, _MAX_SLOW_PIXELS):
            raise _too_many_pixels(min(max_pixels, _MAX_SLOW_PIXELS))


def _refuse_costly(image: ImageFile.ImageFile, data: bytes, max_pixels: int) -> None:
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise _too_many_pixels(max_pixels)
    if pixels > _MAX_SLOW_PIXELS and any(tile.codec_name in _SLOW_DECODERS for tile in image.tile):
        raise ImageTooLarge(
            f"An image in this rare encoding may have {_MAX_SLOW_PIXELS / 1e6:g} megapixels: send it as PNG or JPEG."
        )
    if image.info.get("progressive") and data.count(b"\xff\xda") > _MAX_SCANS:
        raise ImageTooLarge(f"This JPEG has more than {_MAX_SCANS} scans, which would take too long to decode.")


def _loaded(image: ImageFile.ImageFile, data: bytes, draft: tuple[int, int] | None) -> Image.Image:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if draft is not None:
            image.draft(None, draft[::-1] if _orientation(image) >= 5 else draft)
        if image.mode == "RGB" and (picture := jpeg_pixels(data, image.size)) is not None:
            return picture
    if isinstance(image, PngImagePlugin.PngImageFile):
        # Pillow compares no checksums of pixel data while it decodes.
        Image.open(io.BytesIO(data), formats=("PNG",)).verify()
    image.load()
    return image


def _turned(loaded: Image.Image, image: ImageFile.ImageFile) -> Image.Image:
    # Asked for after loading: PNG may say it behind the pixels, and Pillow turns a TIFF itself.
    turn = _TURNS.get(_orientation(image))
    picture = as_rgb(loaded)
    return picture if turn is None else picture.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) where there is none or the EXIF data is damaged, as browsers do."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _not_an_image(data: bytes) -> ImageError:
    found = "this one cannot be read as any of them" if data else "this one is empty"
    return ImageError(f"Only images are allowed ({_KINDS}), and {found}.")


def _damaged() -> ImageError:
    return ImageError(
        "The image is damaged, cut short or in an encoding that is not supported; it was not decoded.",
        code="image_damaged",
    )


def _too_many_pixels(max_pixels: int) -> ImageTooLarge:
    return ImageTooLarge(f"The image has too many pixels: at most {max_pixels / 1e6:g} megapixels are decoded.")
