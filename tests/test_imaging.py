"""Every file a person may have becomes uint8 RGB, or one sentence."""

import os
import struct
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, features
from PIL.PngImagePlugin import PngInfo

from facedge.errors import ImageError, InputError
from facedge.exif import orientation
from facedge.image_folders import find_images
from facedge.imaging import MAX_MEMORY, from_pil, load_rgb


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(height: int = 30, width: int = 20) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x * 8, y * 8, (x + y) * 4], axis=2).astype(np.uint8))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that is all header: whoever decodes it would need the memory, whoever reads the size would not."""
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (ihdr, idat, b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


JPEG_2000 = pytest.param(
    "JPEG2000", marks=pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow reads no JPEG 2000")
)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", JPEG_2000])
def test_lossless_formats_come_back_bit_by_bit(kind: str) -> None:
    rgb = load_rgb(encode(gradient(), kind))
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert np.array_equal(rgb, np.asarray(gradient()))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("WEBP", {"quality": 95}),
        ("GIF", {}),
        pytest.param("AVIF", {"quality": 95}, marks=pytest.mark.skipif(not features.check("avif"), reason="no AVIF")),
    ],
)
def test_lossy_formats_come_back_close(kind: str, options: dict[str, object]) -> None:
    rgb = load_rgb(encode(gradient(), kind, **options))
    assert np.abs(rgb.astype(int) - np.asarray(gradient())).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    rgb = load_rgb(encode(gradient(), kind, exif=exif, **options))
    upright = np.asarray(gradient())
    expected = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, -1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright),
    }[orientation]
    assert rgb.shape == expected.shape
    assert np.abs(rgb.astype(int) - expected).max() < 12


@given(st.binary(max_size=200))
def test_damaged_exif_never_raises(data: bytes) -> None:
    assert 1 <= orientation({"exif": data}) <= 8
    assert 1 <= orientation({"exif": b"Exif\0\0II*\0" + data}) <= 8
    assert 1 <= orientation({"exif": b"MM\0*" + data}) <= 8


def test_damaged_exif_does_not_cost_the_photo() -> None:
    rgb = load_rgb(encode(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert rgb.shape == (30, 20, 3)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 128, 129, 32768, 65535]], dtype=np.uint16)
    rgb = load_rgb(encode(Image.fromarray(values)))
    assert rgb[0, :, 0].tolist() == [0, 1, 0, 1, 128, 255]
    assert (rgb == rgb[:, :, :1]).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_png_mode_becomes_rgb(mode: str) -> None:
    rgb = load_rgb(encode(gradient().convert(mode)))
    assert rgb.shape == (30, 20, 3)


def test_transparency_lies_over_white() -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert load_rgb(encode(image)).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_a_palette_with_transparent_entries_lies_over_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.putpixel((1, 0), 1)
    rgb = load_rgb(encode(image, transparency=b"\x00\xff"))
    assert rgb.tolist() == [[[255, 255, 255], [0, 200, 0]]]


@pytest.mark.parametrize("mode", ["1", "L", "I"])
def test_binary_pbm_and_pgm_become_rgb(mode: str) -> None:
    rgb = load_rgb(encode(gradient().convert("L").convert(mode), "PPM"))
    assert rgb.shape == (30, 20, 3)
    assert (rgb == rgb[:, :, :1]).all()


def test_a_psd_is_read_as_its_composite() -> None:
    planes = np.ascontiguousarray(np.asarray(gradient()).transpose(2, 0, 1))
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 30, 20, 8, 3)  # Adobe's file format: 3 channels of 8 bits, RGB
    data = head + bytes(12) + struct.pack(">H", 0) + planes.tobytes()  # no palette, resources, layers; raw planes
    assert np.array_equal(load_rgb(data), np.asarray(gradient()))


def test_a_damaged_length_asks_for_no_more_than_the_file_holds(tmp_path: Path) -> None:
    """A PSD says that 4 GB of palette follow."""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 30, 20, 8, 3) + struct.pack(">I", 2**32 - 1)
    (tmp_path / "x.psd").write_bytes(head + bytes(100))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"x\.psd is damaged or cut short"):
            load_rgb(tmp_path / "x.psd")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [load_rgb, lambda data: from_pil(Image.open(BytesIO(data)))])
def test_no_memory_ends_the_photo_and_not_the_folder(monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    def no_room(*_: object) -> None:
        raise MemoryError

    data = encode(gradient())
    monkeypatch.setattr("facedge.imaging._pixels", no_room)
    with pytest.raises(ImageError, match="takes more memory than there is: scale it down first"):
        read(data)


def test_a_large_jpeg_2000_is_refused_from_its_header() -> None:
    """Its decoder would take 20 bytes a pixel."""
    pytest.importorskip("PIL.Jpeg2KImagePlugin")
    if not features.check("jpg_2000"):
        pytest.skip("this Pillow reads no JPEG 2000")
    data = encode(gradient(), "JPEG2000").replace(struct.pack(">II", 30, 20), struct.pack(">II", 4000, 5000))
    data = data.replace(struct.pack(">II", 20, 30), struct.pack(">II", 5000, 4000))
    with pytest.raises(ImageError, match=r"5000 x 4000 pixels and decoding it takes 460 MB"):
        load_rgb(data)


def test_cmyk_jpegs_become_rgb() -> None:
    rgb = load_rgb(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert np.abs(rgb.astype(int) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_counts_as_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    rgb = load_rgb(encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
    assert rgb[0, 0, 0] > 240
    assert rgb[0, 0, 2] < 15


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "code"), [(3, "H2x"), (4, "I"), (8, "h2x"), (9, "i")])
def test_an_orientation_may_be_an_integer_of_any_kind(order: str, kind: int, code: str) -> None:
    head = struct.pack(order + "4sI", b"II*\0" if order == "<" else b"MM\0*", 8)
    exif = b"Exif\0\0" + head + struct.pack(order + "HHHI" + code + "I", 1, 0x0112, kind, 1, 6, 0)
    assert orientation({"exif": exif}) == 6
    photo = encode(gradient(), "JPEG", exif=exif)
    assert load_rgb(photo).shape[:2] == ImageOps.exif_transpose(Image.open(BytesIO(photo))).size[::-1] == (20, 30)


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'


def test_the_orientation_of_xmp_counts_where_exif_has_none() -> None:
    rgb = load_rgb(encode(gradient(), "JPEG", xmp=XMP.encode(), quality=100, subsampling=0))
    assert np.abs(rgb.astype(int) - np.rot90(np.asarray(gradient()), -1)).max() < 12
    exif = Image.Exif()
    exif[0x0112] = 1
    assert load_rgb(encode(gradient(), "JPEG", xmp=XMP.encode(), exif=exif)).shape == (30, 20, 3)


def test_imagemagicks_exif_in_the_text_of_a_png_is_read() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n")
    assert np.array_equal(load_rgb(encode(gradient(), pnginfo=text)), np.rot90(np.asarray(gradient()), -1))


def test_one_transparent_colour_of_an_rgb_png_lies_over_white() -> None:
    image = Image.new("RGB", (2, 1), (10, 20, 30))
    image.putpixel((1, 0), (1, 2, 3))
    assert load_rgb(encode(image, transparency=(10, 20, 30))).tolist() == [[[255, 255, 255], [1, 2, 3]]]


def test_odd_metadata_gives_no_warning() -> None:
    """Two animation headers: Pillow warns, which a process with -W error would take for damage."""
    data = encode(gradient())
    chunk = struct.pack(">I4sII", 8, b"acTL", 1, 0)
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    assert np.array_equal(load_rgb(data[:33] + chunk + chunk + data[33:]), np.asarray(gradient()))


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_large_images_are_converted_in_bands_to_the_same_pixels(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(gradient().convert("P"), exif=exif)
    whole = load_rgb(data)
    monkeypatch.setattr("facedge.imaging.BAND_PIXELS", 7 * 20)
    assert np.array_equal(load_rgb(data), whole)


def test_a_jpeg_with_a_side_too_long_is_decoded_at_half_its_size() -> None:
    assert load_rgb(encode(Image.new("RGB", (16_386, 9)), "JPEG")).shape == (5, 8193, 3)
    assert load_rgb(encode(Image.new("RGB", (16_384, 9)), "JPEG")).shape == (9, 16_384, 3)


def test_a_jpeg_with_too_many_pixels_is_decoded_at_a_fraction() -> None:
    assert load_rgb(encode(gradient(), "JPEG"), max_pixels=599).shape == (15, 10, 3)
    with pytest.raises(ImageError, match="20 x 30"):
        load_rgb(encode(gradient(), "JPEG"), max_pixels=149)


def test_other_images_with_a_side_too_long_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "long.png"
    path.write_bytes(encode(Image.new("L", (1, 16_385))))
    with pytest.raises(ImageError, match=r"long\.png has 1 x 16385 pixels and the limit of a side is 16384"):
        load_rgb(path)


def test_what_would_take_too_much_memory_is_refused_from_its_header() -> None:
    side = int((MAX_MEMORY / 7) ** 0.5)
    with pytest.raises(ImageError, match="damaged"):
        load_rgb(png_of_size(side, side))
    with pytest.raises(ImageError, match=r"takes 34\d MB"):
        load_rgb(png_of_size(side + 20, side + 20))
    header = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (8000).to_bytes(3, "little") + (8000).to_bytes(3, "little")
    with pytest.raises(ImageError, match="8001 x 8001"):
        load_rgb(header + bytes(20))


def test_a_valid_jpeg_of_12_bits_is_not_called_damaged() -> None:
    data = encode(gradient(), "JPEG")
    at = data.index(b"\xff\xc0") + 4  # the sample precision in the frame header
    with pytest.raises(ImageError, match=r"kind that is not read \(cannot handle 12-bit"):
        load_rgb(data[:at] + b"\x0c" + data[at + 1 :])


def test_heic_photos_are_read_where_pillow_heif_is_installed() -> None:
    """Upright and close to the pixels, and refused from the header where they are too large."""
    heif = pytest.importorskip("pillow_heif", reason="pip install 'facedge[heic]'")
    target = BytesIO()
    heif.from_pillow(gradient(300, 200)).save(target, quality=95)
    rgb = load_rgb(target.getvalue())
    assert rgb.shape == (300, 200, 3) and rgb.flags.c_contiguous
    assert np.abs(rgb.astype(int) - np.asarray(gradient(300, 200))).mean() < 6
    with pytest.raises(ImageError, match=r"200 x 300 pixels and the limit"):
        load_rgb(target.getvalue(), max_pixels=10_000)
    with pytest.raises(ImageError, match="damaged or cut short"):
        load_rgb(target.getvalue()[:-200])


def test_without_pillow_heif_a_heic_photo_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedge.imaging.find_spec", lambda _name: None)
    for brand in (b"heic", b"heix", b"mif1", b"hevc"):
        with pytest.raises(ImageError, match=r"is a HEIC photo: pip install 'facedge\[heic\]'"):
            load_rgb(b"\0\0\0\x18ftyp" + brand + bytes(20))


def test_a_video_is_no_heic_photo() -> None:
    with pytest.raises(ImageError, match="is a video"):
        load_rgb(b"\0\0\0\x18ftypisom" + bytes(20))


def test_a_float_image_is_refused() -> None:
    with pytest.raises(ImageError, match="floating point"):
        load_rgb(encode(Image.new("F", (4, 4)), "TIFF"))


def test_a_name_of_any_bytes_is_one_printable_line(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff\nb\x1b[1m.jpg")
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="is empty") as caught:
        load_rgb(path)
    assert str(caught.value).isprintable()
    assert r"a\xff\nb\x1b[1m.jpg is empty" in str(caught.value)


def test_pillow_images_become_the_pixels_of_their_files() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("RGB", "P", "L", "RGBA", "1"):
        data = encode(gradient().convert(mode), exif=exif)
        assert np.array_equal(from_pil(Image.open(BytesIO(data))), load_rgb(data))
    with pytest.raises(ImageError, match="cannot be read"):
        from_pil(Image.open(BytesIO(encode(gradient())[:-40])))


def test_one_pixel_is_an_image() -> None:
    assert load_rgb(encode(Image.new("RGB", (1, 1), (1, 2, 3)))).tolist() == [[[1, 2, 3]]]


def test_paths_and_strings_work_whatever_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "really a png.JPG"
    path.write_bytes(encode(gradient()))
    assert np.array_equal(load_rgb(path), load_rgb(str(path)))


def test_a_huge_png_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageError, match=r"30000 x 30000 pixels and the limit is 100 million"):
        load_rgb(png_of_size(30_000, 30_000))


@pytest.mark.parametrize("side", [9_700, 13_000])
def test_sizes_that_pillow_warns_about_end_in_our_sentence(side: int) -> None:
    """Pillow warns from 89 megapixels on and raises from 179 on: neither may show."""
    with pytest.raises(ImageError):
        load_rgb(png_of_size(side, side), max_pixels=100_000_000)


def test_the_limit_is_an_argument() -> None:
    with pytest.raises(ImageError, match="20 x 30"):
        load_rgb(encode(gradient()), max_pixels=599)
    assert load_rgb(encode(gradient()), max_pixels=600).shape == (30, 20, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), kind)
    with pytest.raises(ImageError, match="damaged or cut short"):
        load_rgb(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"hello, I am a text file", "holds something else"),
        (b"GIF89a" + bytes(20), "damaged or cut short"),
        (b"\0\0\0\x18ftypqt  " + bytes(20), "is a video"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\xff\xd8\xff", "damaged or cut short"),
        (b"BM", "damaged or cut short"),
        (b"RIFF\x10\0\0\0WEBP", "damaged or cut short"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=says) as caught:
        load_rgb(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF\xff\0\0\0WEBP"]),
)
def test_any_bytes_give_pixels_or_an_image_error(data: bytes, magic: bytes) -> None:
    try:
        rgb = load_rgb(magic + data, max_pixels=10_000)
    except ImageError as problem:
        assert "\n" not in str(problem)
    else:
        assert rgb.ndim == 3


@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]))
def test_a_changed_byte_gives_pixels_or_an_image_error(where: int, value: int, kind: str) -> None:
    data = bytearray(encode(gradient(), kind))
    data[where % len(data)] = value
    try:
        load_rgb(bytes(data), max_pixels=10_000)
    except ImageError as problem:
        assert "\n" not in str(problem)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image at"):
        load_rgb(tmp_path / "absent.jpg")
    with pytest.raises(ImageError, match="found a folder"):
        load_rgb(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="found a device"):
        load_rgb(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="cannot read"):
        load_rgb("null\0byte.jpg")
    with pytest.raises(InputError, match="got int"):
        load_rgb(5)  # type: ignore[arg-type]


@pytest.mark.real
def test_real_photos_load(shared_data: Path) -> None:
    paths = find_images(shared_data / "photos")
    assert len(paths) == 12
    for path in paths:
        rgb = load_rgb(path)
        assert rgb.shape[2] == 3
        assert rgb.std() > 10
