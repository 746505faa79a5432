"""Clips from files: every format, any frame, nothing lost, and files that lie."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from codec.errors import InputError
from codec.video.frame import ColorTags, Frame, VideoFormat
from codec.video.raw import guess_raw
from codec.video.source import open_video
from codec.video.writing import write_video


def hashes(frames: object) -> list[str]:
    return [frame.source_hash for frame in frames]


@pytest.mark.parametrize("suffix", [".y4m", ".yuv", ".mp4", ".mkv"])
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_what_is_written_comes_back(tmp_path: Path, make_clip, suffix: str, depth: int, full: bool) -> None:
    form, frames = make_clip(depth=depth, color=ColorTags(9, 16, 9, full, 0))
    path = tmp_path / f"clip_64x48_29.97fps_{depth}bit{suffix}"
    assert write_video(frames, form, path) == 5
    with open_video(path) as source:
        assert hashes(source) == hashes(frames)
        assert [frame.index for frame in source.read(1, 2)] == [1, 2]
        assert (source.frame_count, source.notes, source.name) == (5, (), path.name)
        assert (source.format.fps, source.format.bit_depth) == (Fraction(30000, 1001), depth)
        if suffix != ".yuv":
            assert source.format.color.full_range == full
        if suffix in (".mp4", ".mkv"):
            assert source.format.color == form.color
    assert open_video(path, fps=12).format.fps == 12


@pytest.mark.parametrize("suffix", [".y4m", ".yuv", ".mkv"])
def test_odd_sizes(tmp_path: Path, make_clip, suffix: str) -> None:
    form, frames = make_clip(35, 27)
    path = tmp_path / f"odd{suffix}"
    write_video(frames, form, path)
    source = open_video(path, size=(35, 27) if suffix == ".yuv" else None)
    assert hashes(source) == hashes(frames)
    with pytest.raises(InputError, match="even sizes") as caught:
        write_video(frames, form, tmp_path / "odd.mp4")
    assert caught.value.where == str(tmp_path / "odd.mp4")
    assert not (tmp_path / "odd.mp4").exists()


@pytest.fixture(scope="module")
def gops(tmp_path_factory: pytest.TempPathFactory, make_clip) -> tuple[Path, list[str]]:
    """A lossy clip of 40 frames with B frames and open groups of pictures, and what decoding all of it gives."""
    _, frames = make_clip(96, 64, count=40)
    path = tmp_path_factory.mktemp("gops") / "open.mkv"
    with av.open(str(path), "w") as container:
        options = {"x264-params": "keyint=12:min-keyint=12:open-gop=1:bframes=3:b-pyramid=normal:scenecut=0"}
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(
                np.concatenate([p.ravel() for p in frame.planes]).reshape(96, 96), "yuv420p"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path, hashes(open_video(path))


def test_any_frame_is_found_exactly(gops: tuple[Path, list[str]]) -> None:
    path, expected = gops
    assert len(set(expected)) == 40
    source = open_video(path)
    assert source.frame_count == 40
    for index in (39, 0, 11, 12, 13, 10, 23, 24, 30, 31, 5):
        frame = source.frame(index)
        assert (frame.index, frame.source_hash) == (index, expected[index])
    assert hashes(source.read(22, 6)) == expected[22:28]
    assert list(source.read(40)) == []
    with pytest.raises(InputError, match="no frame 40: the clip has 40 frames"):
        source.frame(40)
    with pytest.raises(InputError, match="negative"):
        source.frame(-1)


def test_readers_do_not_disturb_each_other(gops: tuple[Path, list[str]]) -> None:
    path, expected = gops
    source = open_video(path)
    one, other = source.read(3, 5), source.read(20)
    mixed = [(next(one).source_hash, next(other).source_hash) for _ in range(5)]
    assert mixed == list(zip(expected[3:8], expected[20:25], strict=True))
    other.close()
    assert source.frame(8).source_hash == expected[8]
    source.close()
    assert source.frame(1).source_hash == expected[1]


def test_a_damaged_clip_says_which_frame(gops: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, expected = gops
    data = bytearray(path.read_bytes())
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    whole = hashes(open_video(cut))
    assert whole[:10] == expected[:10]
    assert set(whole) < set(expected)  # those that the file still holds, and nothing made up
    data[len(data) // 2 : len(data) // 2 + 60] = bytes(60)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    with pytest.raises(InputError, match=r"broken\.mkv: frame \d+ cannot be decoded"):
        hashes(open_video(broken))
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 16)
    with pytest.raises(InputError, match="not a video file"):
        open_video(tmp_path / "noise.mp4")
    with pytest.raises(InputError, match="No such file"):
        open_video(tmp_path / "missing.mp4")


def encoded(path: Path, pixel_format: str, picture: av.VideoFrame, codec: str = "ffv1", full: bool = False) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, pixel_format
        stream.codec_context.color_range = 2 if full else 1
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuv444p", "yuv422p10le", "yuv444p12le", "gray", "gray10le"])
def test_other_ycbcr_is_converted_and_said(tmp_path: Path, pixel_format: str, full: bool) -> None:
    picture = av.VideoFrame(64, 48, pixel_format)
    deep = picture.format.components[0].bits > 8
    luma = (np.mgrid[:48, :64].sum(0) * 2 % 256).astype(np.uint16)
    shift = picture.format.components[0].bits - 8
    for number, plane in enumerate(picture.planes):
        values = np.full((plane.height, plane.line_size // (2 if deep else 1)), 100 << shift, np.uint16)
        if number == 0:
            values[:, :64] = luma << shift
        plane.update((values if deep else values.astype(np.uint8)).tobytes())
    source = open_video(encoded(tmp_path / "other.mkv", pixel_format, picture, full=full))
    frame = source.frame(0)
    assert (frame.bit_depth, source.format.color.full_range) == (10 if deep else 8, full)
    grey = pixel_format.startswith("gray")
    said = "grey: chroma is neutral" if grey else f"its pixels are {pixel_format}: they are converted to yuv420p"
    assert said in source.notes[0]
    # Luma keeps its values, whatever the range; flat chroma stays flat.
    np.testing.assert_allclose(frame.planes[0], luma << (2 if deep else 0), atol=1)
    np.testing.assert_allclose(frame.planes[1], (128 if grey else 100) << (2 if deep else 0), atol=1)


def test_rgb_is_refused(tmp_path: Path) -> None:
    path = encoded(tmp_path / "rgb.mkv", "bgr0", av.VideoFrame(64, 48, "bgr0"))
    with pytest.raises(InputError, match=r"its pixels are bgr0, and YCbCr is needed \(ffmpeg"):
        open_video(path)


@pytest.mark.parametrize("layout", ["mono", "422", "444p10", "420p12"])
def test_y4m_of_other_layouts_is_refused(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "other.y4m"
    path.write_bytes(f"YUV4MPEG2 W16 H16 F25:1 C{layout}\nFRAME\n".encode() + bytes(4096))
    with pytest.raises(InputError, match=f"its layout is {layout}"):
        open_video(path)


def test_y4m_header_words(tmp_path: Path) -> None:
    path = tmp_path / "words.bin"
    body = bytes(16 * 16 * 3 // 2)
    path.write_bytes(b"YUV4MPEG2 W16 H16 F30000:1001 It A0:0 C420paldv XCOLORRANGE=FULL\nFRAME Ixyz\n" + body)
    source = open_video(path)
    assert source.format == VideoFormat(16, 16, 8, Fraction(30000, 1001), ColorTags(2, 2, 2, True, 2))
    assert source.frame_count == 1
    assert "interlaced" in source.notes[0]
    path.write_bytes(b"YUV4MPEG2 W16 H16\nFRAME\n" + body + b"FRAME\n" + body[:100])
    source = open_video(path)
    assert (source.format.fps, source.format.color.chroma_location, source.frame_count) == (25, 1, 1)
    assert source.notes == ("the last frame is cut off (284 bytes are missing): 1 whole frames are read",)
    assert len(list(source)) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"YUV4MPEG2 W16", "not a Y4M"),
        (b"YUV4MPEG2 W0 H16\n", "no pixels"),
        (b"YUV4MPEG2 H16\nFRAME\n", "no usable size"),
        (b"YUV4MPEG2 W16 H16\nFRAME\n", "no whole frame"),
        (b"YUV4MPEG2 W16 H16\n" + bytes(500), "no frame where frame 0"),
    ],
)
def test_y4m_that_lies(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.y4m"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        open_video(path)


def test_raw_of_more_bits_than_said(tmp_path: Path) -> None:
    path = tmp_path / "deep_16x16.yuv"
    path.write_bytes(np.full(16 * 16 * 3 // 2, 4000, "<u2").tobytes())
    with pytest.raises(InputError, match="sample of 4000, more than 10 bits"):
        open_video(path, pixel_format="yuv420p10le").frame(0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("foo_832x480_30fps_10bit_420.yuv", (832, 480, "yuv420p10le", 30)),
        ("RaceHorses_832x480_2f_420p8.yuv", (832, 480, "yuv420p", 25)),
        ("Kimono1_1920x1080_24.yuv", (1920, 1080, "yuv420p", 24)),
        ("BasketballPass_416x240_50.yuv", (416, 240, "yuv420p", 50)),
        ("foreman_cif.yuv", (352, 288, "yuv420p", 25)),
        ("akiyo_qcif_15fps.yuv", (176, 144, "yuv420p", 15)),
        ("park_1280x720_59.94fps_p420_10b.yuv", (1280, 720, "yuv420p10le", Fraction(60000, 1001))),
        ("clip.yuv420p10le.100x50.yuv", (100, 50, "yuv420p10le", 25)),
    ],
)
def test_names_of_raw_files(tmp_path: Path, name: str, expected: tuple[int, int, str, object]) -> None:
    width, height, pixel_format, fps = expected
    deep = pixel_format.endswith("10le")
    form = VideoFormat(width, height, 10 if deep else 8)
    planes = tuple(np.full(shape, 700 if deep else 180, form.dtype) for shape in form.plane_shapes)
    path = tmp_path / name
    write_video([Frame(planes, form.bit_depth, i) for i in range(2)], form, path)
    best = guess_raw(path)[0]
    assert (best.width_px, best.height_px, best.pixel_format, best.fps) == (width, height, pixel_format, fps)
    assert (best.frames, best.rest_bytes, best.named) == (2, 0, True)
    source = open_video(path)
    assert (source.format.width_px, source.format.bit_depth, source.frame_count) == (width, form.bit_depth, 2)


def test_raw_without_a_name(tmp_path: Path, make_clip) -> None:
    form, frames = make_clip(352, 288, 10, 3)
    path = tmp_path / "something.yuv"
    write_video(frames, form, path)
    guesses = guess_raw(path)
    assert str(guesses[0]) == "352x288 yuv420p10le, 3 frames"
    assert all(guess.rest_bytes == 0 and not guess.named for guess in guesses)
    assert any((guess.width_px, guess.pixel_format) == (352, "yuv420p") for guess in guesses)
    with pytest.raises(InputError, match=r"does not say the size .* possible: 352x288 yuv420p10le"):
        open_video(path)
    # A size alone is enough: the samples tell the depth.
    assert hashes(open_video(path, size=(352, 288))) == hashes(frames)
    with pytest.raises(InputError, match="too short"):
        open_video(path, size=(3520, 2880))
    cut = tmp_path / "cut_352x288_10bit.yuv"
    cut.write_bytes(path.read_bytes()[:-1000])
    source = open_video(cut)
    assert source.frame_count == 2
    assert "(1000 bytes are missing): 2 whole frames" in source.notes[0]
    with pytest.raises(InputError, match="says 422"):
        open_video(path.rename(tmp_path / "a_352x288_422.yuv"))


def test_writing_refuses_and_leaves_nothing(tmp_path: Path, make_clip) -> None:
    form, frames = make_clip()
    with pytest.raises(InputError, match=r"cannot write \.avi"):
        write_video(frames, form, tmp_path / "x.avi")
    _, others = make_clip(32, 32)
    with pytest.raises(InputError, match="differs in size"):
        write_video([*frames, *others], form, tmp_path / "x.y4m")
    with pytest.raises(InputError, match="no frames"):
        write_video([], form, tmp_path / "x.y4m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
def test_shared_clips(data_dir: Path) -> None:
    folder = data_dir / "test" / "video"
    raw = open_video(folder / "RaceHorses_832x480_2f_420p8.yuv")
    assert (raw.format.width_px, raw.format.bit_depth, raw.frame_count) == (832, 8, 2)
    clip = open_video(folder / "bedroom_480x270.mkv")
    assert (clip.frame_count, clip.format.fps, clip.format.color.matrix) == (64, 30, 5)
    street = open_video(folder / "street_1920x1080.mp4")
    expected = hashes(street.read(0, 30))
    assert street.format.color.full_range
    assert [street.frame(index).source_hash for index in (29, 7)] == [expected[29], expected[7]]
