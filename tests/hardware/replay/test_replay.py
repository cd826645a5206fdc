"""Recordings of every kind are played pixel by pixel."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hardware.replay.camera import ReplayCamera
from hardware.replay.images import in_natural_order
from hardware.replay.source import grey
from magscope_app.config import Config
from magscope_app.config.load import load_config
from magscope_app.devices import Camera, CameraContext, DeviceError, FrameFormat
from magscope_app.devices.testing import CameraContract

Frames = npt.NDArray[Any]
WIDTH, HEIGHT, N = 50, 34, 7
_random = np.random.default_rng(1)
FRAMES_8: Frames = _random.integers(0, 256, (N, HEIGHT, WIDTH), np.uint8)
FRAMES_16: Frames = _random.integers(0, 65536, (N, HEIGHT, WIDTH), np.uint16)


def context(path: Path | None, **camera: Any) -> CameraContext:
    camera = {"driver": "hardware.replay.camera:ReplayCamera", "fps": 1000, "path": path, **camera}
    return CameraContext(
        config=Config.model_validate({"camera": camera, "optics": {"pixel_pitch_um": 5, "magnification": 50}})
    )


def frames_to_the_end(replay: ReplayCamera) -> Iterator[Frames]:
    form, expected = replay.format, 0
    while True:
        buffer = np.empty((form.height_px, form.width_px), form.dtype)
        try:
            info = replay.read_into(buffer, 1.0)
        except EOFError:
            return
        assert info is not None
        assert info.frame_number == expected
        expected += 1
        yield buffer


def play(path: Path, **camera: Any) -> tuple[FrameFormat, Frames]:
    """Play a recording once, to its end."""
    camera.setdefault("settings", {"every_frame": True})
    given = context(path, **camera)
    assert ReplayCamera.problems(given) == ()
    replay = ReplayCamera(given)
    replay.open()
    try:
        assert ReplayCamera.expected_format(given) == replay.format
        replay.start()
        return replay.format, np.array(list(frames_to_the_end(replay)))
    finally:
        replay.close()


def write_ndtiff(folder: Path, frames: Frames, first: int = 0) -> None:
    from ndstorage import NDTiffDataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder.parent.mkdir(parents=True, exist_ok=True)
        dataset = NDTiffDataset(str(folder.parent), name=folder.name, summary_metadata={}, writable=True)
        for index, frame in enumerate(frames):
            dataset.put_image({"time": first + index}, frame, {"frame": index})
        dataset.finish()
        dataset.close()


def tiff(path: Path, frames: Frames, **options: Any) -> Path:
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as writer:
        for frame in frames:
            writer.write(frame, contiguous=False, **options)
    return path


@pytest.mark.parametrize("frames", [FRAMES_8, FRAMES_16], ids=["8 bit", "16 bit"])
@pytest.mark.parametrize(
    "options",
    [{}, {"bigtiff": True}, {"compression": "zlib"}, {"byteorder": ">"}],
    ids=["plain", "big", "zlib", ">"],
)
def test_tiff_stack(tmp_path: Path, frames: Frames, options: dict[str, Any]) -> None:
    path = tmp_path / "stack.tif"
    byteorder = options.get("byteorder")
    with tifffile.TiffWriter(path, bigtiff=options.get("bigtiff", False), byteorder=byteorder) as writer:
        for frame in frames:
            writer.write(frame, compression=options.get("compression"), contiguous=False)
    form, played = play(path)
    assert form == FrameFormat(WIDTH, HEIGHT, 8 * frames.itemsize)
    np.testing.assert_array_equal(played, frames)


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"ome": True}], ids=["shaped", "imagej", "ome"])
def test_stack_written_at_once(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", FRAMES_16, **options)
    np.testing.assert_array_equal(play(tmp_path / "stack.tif")[1], FRAMES_16)


def test_frames_behind_a_single_page_as_imagej_writes_beyond_4_gb(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", FRAMES_16, imagej=True, truncate=True)
    np.testing.assert_array_equal(play(tmp_path / "stack.tif")[1], FRAMES_16)


def test_names_are_sorted_as_people_read_them() -> None:
    names = [
        "a.tif",
        "a(1).tif",
        "a(2).tif",
        "a(10).tif",
        "b.tif",
        "b2.tif",
        "b²1.tif",
        "x01.tif",
        "x1.tif",
        "²1.tif",
    ]
    assert [path.name for path in in_natural_order([Path(name) for name in reversed(names)])] == names


def test_folder_of_tiffs_in_natural_order(tmp_path: Path) -> None:
    for part, name in enumerate(["run2.tif", "run10.tif"]):
        tiff(tmp_path / name, FRAMES_8[3 * part : 3 * part + 3])
    (tmp_path / "notes.txt").write_text("not an image")
    np.testing.assert_array_equal(play(tmp_path)[1], FRAMES_8[:6])


def test_folder_of_png(tmp_path: Path) -> None:
    for index in range(N):
        Image.fromarray(FRAMES_16[index]).save(tmp_path / f"frame{index}.png")
    form, played = play(tmp_path)
    assert form.bits == 16
    np.testing.assert_array_equal(played, FRAMES_16)


@pytest.mark.parametrize("frames", [FRAMES_8, FRAMES_16], ids=["8 bit", "16 bit"])
def test_ndtiff(tmp_path: Path, frames: Frames) -> None:
    write_ndtiff(tmp_path / "video", frames)
    folder = next(tmp_path.rglob("NDTiff.index")).parent
    form, played = play(folder)
    assert form.dtype == frames.dtype
    np.testing.assert_array_equal(played, frames)


def test_dataset_with_two_parts_and_a_cut_off_index(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"schema": 1}))
    write_ndtiff(tmp_path / "video" / "0001", FRAMES_16[:4])
    write_ndtiff(tmp_path / "video" / "0002", FRAMES_16[4:], first=4)
    index = sorted((tmp_path / "video").rglob("NDTiff.index"))[1]
    index.write_bytes(index.read_bytes()[:-30])
    np.testing.assert_array_equal(play(tmp_path)[1], FRAMES_16[:-1])


def test_roi_is_cut_out(tmp_path: Path) -> None:
    path = tiff(tmp_path / "stack.tif", FRAMES_16)
    form, played = play(path, roi_px=[5, 9, 30, 20])
    assert (form.width_px, form.height_px) == (30, 20)
    np.testing.assert_array_equal(played, FRAMES_16[:, 9:29, 5:35])


def test_colour_image_becomes_luma(tmp_path: Path) -> None:
    colours = _random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    replay = ReplayCamera(context(tmp_path / "colour.png"))
    replay.open()
    replay.start()
    buffer = np.empty((HEIGHT, WIDTH), np.uint8)
    assert replay.read_into(buffer, 1.0) is not None
    replay.close()
    expected = colours @ np.array([0.299, 0.587, 0.114])
    assert np.abs(buffer - expected).max() <= 0.51


@given(arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 65535)))
def test_grey_written_as_colour_stays_the_same(pixels: Frames) -> None:
    np.testing.assert_array_equal(grey(np.dstack([pixels] * 3), "test"), pixels)


def test_still_image_is_shown_for_ever(tmp_path: Path) -> None:
    Image.fromarray(FRAMES_8[0]).save(tmp_path / "still.png")
    replay = ReplayCamera(context(tmp_path / "still.png", settings={"every_frame": True, "loop": False}))
    replay.open()
    replay.start()
    buffer = np.empty((HEIGHT, WIDTH), np.uint8)
    numbers = []
    for _ in range(20):
        buffer[:] = 0
        info = replay.read_into(buffer, 1.0)
        assert info is not None
        numbers.append(info.frame_number)
        np.testing.assert_array_equal(buffer, FRAMES_8[0])
    replay.close()
    assert numbers == list(range(20))


def test_loop_goes_on_with_rising_numbers_until_it_is_switched_off(tmp_path: Path) -> None:
    replay = ReplayCamera(context(tiff(tmp_path / "stack.tif", FRAMES_8)))
    replay.open()
    replay.start()
    buffer = np.empty((HEIGHT, WIDTH), np.uint8)
    for index in range(2 * N + 1):
        info = replay.read_into(buffer, 1.0)
        assert info is not None
        assert info.frame_number == index
        assert info.metadata == {"file": "stack.tif", "frame": str(index % N)}
        np.testing.assert_array_equal(buffer, FRAMES_8[index % N])
    replay.set("loop", False)
    for _ in range(N - 1):
        assert replay.read_into(buffer, 1.0) is not None
    with pytest.raises(EOFError, match="at its end"):
        replay.read_into(buffer, 1.0)
    replay.close()


def test_at_a_low_rate_a_short_wait_gives_none_and_the_frame_comes_later(tmp_path: Path) -> None:
    replay = ReplayCamera(context(tiff(tmp_path / "stack.tif", FRAMES_8), fps=2))
    replay.open()
    replay.start()
    buffer = np.empty((HEIGHT, WIDTH), np.uint8)
    assert replay.read_into(buffer, 0.1) is not None
    assert replay.read_into(buffer, 0.01) is None
    second = replay.read_into(buffer, 10.0)
    replay.close()
    assert second is not None
    assert second.frame_number == 1
    np.testing.assert_array_equal(buffer, FRAMES_8[1])


def test_it_waits_for_the_ring_only_where_no_frame_may_be_skipped(tmp_path: Path) -> None:
    path = tiff(tmp_path / "stack.tif", FRAMES_8)
    assert ReplayCamera.waits_for_ring(context(path, settings={"every_frame": True}))
    assert not ReplayCamera.waits_for_ring(context(path))


def problem(path: Path | None, **camera: Any) -> str:
    problems = ReplayCamera.problems(context(path, **camera))
    assert len(problems) == 1
    assert "\n" not in str(problems[0])
    assert problems[0].remedy
    if "settings" not in camera:
        with pytest.raises(DeviceError):
            ReplayCamera(context(path, **camera)).open()
    return str(problems[0])


def test_what_cannot_be_played_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "broken.png").write_bytes(b"not a png")
    (tmp_path / "broken.tif").write_bytes(b"not a tiff")
    (tmp_path / "no_video").mkdir()
    (tmp_path / "no_video" / "dataset.json").write_text("{}")
    (tmp_path / "ndtiff").mkdir()
    (tmp_path / "ndtiff" / "NDTiff.index").write_bytes(b"")
    tifffile.imwrite(tmp_path / "float.tif", FRAMES_8[0].astype(np.float32))
    assert problem(None).startswith("camera.path: is missing")
    assert "does not exist" in problem(tmp_path / "nowhere.tif")
    assert "holds no images" in problem(tmp_path / "empty")
    assert "not of a kind" in problem(tmp_path / "text.txt")
    assert "cannot be read as an image" in problem(tmp_path / "broken.png")
    assert "cannot be read as an image" in problem(tmp_path / "broken.tif")
    assert "without video" in problem(tmp_path / "no_video")
    assert "holds no frames" in problem(tmp_path / "ndtiff")
    assert "float32" in problem(tmp_path / "float.tif")


def test_roi_and_settings_are_checked(tmp_path: Path) -> None:
    path = tiff(tmp_path / "stack.tif", FRAMES_8)
    assert "reaches beyond the 50 × 34 px" in problem(path, roi_px=[20, 0, 40, 20])
    assert "did you mean loop?" in problem(path, settings={"lop": True})
    assert "give true or false" in problem(path, settings={"loop": "yes"})


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    assert len(ReplayCamera.problems(context(None, settings={"lop": True, "every_frame": 1}))) == 3


def test_frames_of_another_size_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif", FRAMES_8)
    tiff(tmp_path / "b.tif", FRAMES_8[:, :20])
    with pytest.raises(DeviceError, match=r"b\.tif has 50 × 20 px"):
        play(tmp_path)


class TestStackContract(CameraContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Camera]:
        path = tiff(tmp_path / "stack.tif", FRAMES_16)
        return lambda: ReplayCamera(context(path, roi_px=[1, 2, 40, 30]))


def test_the_shipped_config_plays_the_real_bead_field(test_data: Path) -> None:
    path = test_data / "qtrk" / "bead_field.jpg"
    given = CameraContext(config=load_config("replay.toml", [f"camera.path={path}"]).config)
    assert ReplayCamera.problems(given) == ()
    assert ReplayCamera.expected_format(given) == FrameFormat(1398, 1022, 8)


def test_the_shipped_config_asks_for_a_recording() -> None:
    (missing,) = ReplayCamera.problems(CameraContext(config=load_config("replay.toml").config))
    assert missing.where == "camera.path"
    assert "bead_field.jpg does not exist" in missing.what
