"""A dataset, opened for reading."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magscope_app.data import DataCoordinatesIterator
from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.correcting import corrected
from magscope_app.storage.reading.documents import read_description, read_events
from magscope_app.storage.reading.images import Images
from magscope_app.storage.reading.telemetry import at_times
from magscope_app.storage.reading.tracks_content import Records
from magscope_app.storage.reading.tracks_parts import TracksParts
from magscope_app.storage.reading.video import lazy_video
from magscope_app.storage.reading.without_tracks import listed_beads, video_times

if TYPE_CHECKING:
    import dask.array

_BLOCK_ROWS = 500_000


def open_dataset(path: str | Path) -> Dataset:
    """Open a dataset for reading: completed, being recorded, or left behind by a kill.

    Parameters
    ----------
    path : str or Path
        The dataset's folder. Nothing in it is changed.

    Returns
    -------
    Dataset
        Holds no file open. Tracks, telemetry and events are read at each call; what dataset.json says, and
        which images there are, is known as of the opening or the last `Dataset.refresh`.

    Raises
    ------
    MagscopeError
        If it is no dataset, or too damaged.
    """
    return Dataset(Path(path))


class Dataset:
    """Everything in one dataset; made by `open_dataset`.

    Frames are numbered by ``frame_id``, and times are ``t_ns``, ns since session start, or
    ``timestamp_ns``, Unix time in ns. Images are found by coordinates: ``data[{"time": frame_id}]``. Every
    method raises MagscopeError where a file is damaged.

    Attributes
    ----------
    path : Path
        The folder.
    description : dict
        dataset.json as it was when the dataset was opened, or at the last `refresh`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tracks = TracksParts(path)
        self._images = Images(path / "video")
        self.refresh()

    def refresh(self) -> None:
        """Read dataset.json anew and note the images that were written since."""
        self.description = read_description(self.path)
        self._images.refresh()

    # --- what is known about it ----------------------------------------------------------------

    @property
    def exit_status(self) -> str:
        """How the recording ended: running, completed, interrupted or failed."""
        return str(self.description["exit_status"])

    @property
    def counters(self) -> dict[str, int]:
        """Frames by what became of them."""
        return dict(self.description["counters"])

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Every loss: first_id, count, where, why."""
        return [dict(entry) for entry in self.description["ledger"]]

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config; empty where the recording knows none."""
        config = self.description.get("config")
        return dict(config) if isinstance(config, dict) else {}

    @property
    def config_text(self) -> str:
        """The config file that was run."""
        path = self.path / "config.toml"
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise MagscopeError(f"{path} cannot be read ({error})") from error

    @property
    def zluts(self) -> dict[str, Path]:
        """The Z-LUTs that were used, by file name."""
        return self._files("zluts")

    @property
    def corrections(self) -> dict[str, Path]:
        """The ``dark_frame`` and ``flat_field`` that ROIs were corrected with when the recording began.

        Where others were used later, an event "corrections" has the frame and the names of their files.
        """
        files = self._files("corrections")
        named = self.description.get("corrections")
        if not isinstance(named, dict):
            return {path.stem: path for path in files.values() if path.stem in ("dark_frame", "flat_field")}
        return {kind: files[name] for kind, name in named.items() if name in files}

    def _files(self, name: str) -> dict[str, Path]:
        folder = self.path / name
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return {path.name: path for path in files if not path.name.startswith(".")}

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened: dicts with kind, frame_id, timestamp_ns (session clock), utc and more."""
        return read_events(self.path)[0]

    def problems(self) -> list[str]:
        """Say what is incomplete although the rest can be read; empty for a sound dataset."""
        damaged_lines = read_events(self.path)[1]
        found = [f"{damaged_lines} lines of events.jsonl are damaged"] if damaged_lines else []
        found += self._tracks.cut_off()
        return found + self._images.problems()

    @property
    def foreign_storage(self) -> str | None:
        """The storage ``"module:Class"`` that alone can read the images; None where they can be read here."""
        storage = self.description.get("video_storage")
        if not isinstance(storage, str):
            return None
        if not len(self._images):
            self._images.refresh()
        return None if len(self._images) else storage

    # --- tracks ----------------------------------------------------------------------------------

    def tracks(
        self, bead_id: int | None = None, *, first_frame: int | None = None, stop_frame: int | None = None
    ) -> Records:
        """Return positions of beads, of all parts, in frame order.

        Parameters
        ----------
        bead_id : int, optional
            Only this bead.
        first_frame, stop_frame : int, optional
            Only frames with ids from the first to before the second.

        Returns
        -------
        ndarray (n,)
            Structured, one element per bead and frame: frame_id, timestamp_ns, t_ns, bead_id, x_nm, y_nm,
            z_nm, height_nm, sigma_x_nm, sigma_y_nm, sigma_z_nm, quality, flags, roi_x_px, roi_y_px, focus_nm.
        """
        if bead_id is None:
            return self._tracks.records(first_frame, stop_frame)
        blocks = [
            block[block["bead_id"] == bead_id]
            for block in self._tracks.blocks(first_frame, stop_frame, _BLOCK_ROWS)
        ]
        return np.concatenate(blocks) if blocks else self._tracks.records(0, 0)

    def tracks_blocks(
        self,
        rows: int = _BLOCK_ROWS,
        *,
        first_frame: int | None = None,
        stop_frame: int | None = None,
    ) -> Iterator[Records]:
        """Yield what `tracks` returns in blocks of whole frames with about so many rows."""
        return self._tracks.blocks(first_frame, stop_frame, rows)

    def tracks_frame(
        self, bead_id: int | None = None, *, first_frame: int | None = None, stop_frame: int | None = None
    ) -> Any:
        """Return `tracks` as a pandas DataFrame; MagscopeError if pandas is not installed."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise MagscopeError("pandas is not installed: pip install pandas, or use tracks()") from error
        return pandas.DataFrame(self.tracks(bead_id, first_frame=first_frame, stop_frame=stop_frame))

    def frames(self) -> Records:
        """Return the tracked frames (n,), structured: frame_id, timestamp_ns, t_ns, focus_nm, n_beads."""
        return self._tracks.frames()

    @property
    def bead_ids(self) -> list[int]:
        """Ids of all beads that were tracked or, in a recording of video alone, of those in its lists."""
        return self._tracks.bead_ids() or sorted(listed_beads(self))

    @property
    def height_nm(self) -> NDArray[np.float64]:
        """Height of the bead above the surface (n,), in the order of `tracks`.

        z_nm + focal_shift_factor · focus_nm − surface_nm; NaN where the dataset does not know these.
        """
        return np.ascontiguousarray(self.tracks()["height_nm"])

    def drift(self) -> Records:
        """Return the drift of every frame for which it was measured (n,), structured, in frame order.

        frame_id, t_ns, dx_nm, dy_nm, dz_nm (of the height), tilt_x, tilt_y (change of dz per nm),
        centre_x_nm, centre_y_nm (where dz is dz_nm), n_beads. Empty where no drift was measured.
        """
        return self._tracks.drift()

    def corrected_tracks(
        self, bead_id: int | None = None, *, first_frame: int | None = None, stop_frame: int | None = None
    ) -> Records:
        """Return `tracks` less the drift: x_nm, y_nm and height_nm; NaN in frames without drift.

        z_nm, the distance from the focal plane, stays as it was measured: a focus that has followed the drift
        has taken it out already. Where there is no focus that moves, z_nm is corrected, too.
        """
        tracks = self.tracks(bead_id, first_frame=first_frame, stop_frame=stop_frame)
        has_focus = any(about.get("role") == "focus" for about in self.devices.values())
        has_focus = has_focus or bool(np.isfinite(tracks["focus_nm"]).any())
        return corrected(tracks, self.drift(), has_focus=has_focus)

    def truth(self) -> Records | None:
        """Return where the beads of a simulated run really were, structured; None in real recordings."""
        return self._tracks.truth()

    # --- telemetry -------------------------------------------------------------------------------

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        """The motors with telemetry, and the unit and role of each."""
        return self._tracks.devices()

    def telemetry(self, device: str) -> Records:
        """Return what a motor sent (n,), structured: t_ns, position, target, moving, at_target."""
        return self._tracks.telemetry(device)

    def telemetry_at_frames(self, device: str, t_ns: ArrayLike | None = None) -> Records:
        """Return the state of a motor at every tracked frame or, without tracks, at every frame of the video.

        Parameters
        ----------
        device : str
            One of `devices`.
        t_ns : array_like (n,), optional
            Other times since session start, such as those of `tracks`.

        Returns
        -------
        ndarray (n,)
            Structured as `telemetry`: the position interpolated linearly, the rest as sent last; NaN before
            the first and after the last row.
        """
        times = self.frame_times() if t_ns is None else np.asarray(t_ns)
        return at_times(self.telemetry(device), times)

    def frame_times(self) -> NDArray[np.int64] | NDArray[np.float64]:
        """Return t_ns of every tracked frame (n,) or, without tracks, of every frame of the video.

        Without tracks these are floats, NaN for a frame whose image does not say when it was taken; the
        metadata of all images are read, which takes about 10 µs each.
        """
        tracked = self.frames()["t_ns"]
        return tracked if len(tracked) or self.foreign_storage else video_times(self._images)

    # --- images ----------------------------------------------------------------------------------

    @property
    def video(self) -> dask.array.Array:
        """All images as a lazy array (frame, y, x); MagscopeError if their sizes differ or there are none."""
        return self.video_part(None)

    @property
    def video_parts(self) -> dict[str, int]:
        """The parts of the video, such as "0001", and the images in each."""
        return {part.path.name: part.n_images for part in self._images.parts}

    def video_part(self, part: str | int | None) -> dask.array.Array:
        """Return the images of one part, given as "0001" or 1, as a lazy array (frame, y, x)."""
        self._require_readable()
        name = f"{part:04d}" if isinstance(part, int) else part
        return lazy_video(
            self._images.places(name), str(self.path if name is None else self.path / "video" / name)
        )

    @property
    def video_frame_ids(self) -> NDArray[np.int64]:
        """The coordinate ``time`` of every image (n,), in the order of `video`; -1 for one without."""
        return self._images.values("time")

    def coordinates(self) -> DataCoordinatesIterator:
        """Return the coordinates of all images, in the order of `video`."""
        self._require_readable()
        return DataCoordinatesIterator.create(self._images)

    def get_data(self, coordinates: Mapping[str, Any]) -> NDArray[Any]:
        """Return the image (height, width) at `coordinates`; KeyError if there is none."""
        self._require_readable()
        part, entry = self._images.find(coordinates)
        return part.pixels(entry)

    def get_metadata(self, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metadata of the image at `coordinates`; KeyError if there is none."""
        self._require_readable()
        part, entry = self._images.find(coordinates)
        return part.metadata(entry)

    def _require_readable(self) -> None:
        storage = self.foreign_storage
        if storage is not None:
            raise MagscopeError(
                f"the images of {self.path} were written by {storage}, which alone can read them: open the "
                f"folders in {self.path / 'video'} with it; tracks, telemetry and events can be read here"
            )

    def __getitem__(self, coordinates: Mapping[str, Any]) -> NDArray[Any]:
        return self.get_data(coordinates)

    def __contains__(self, coordinates: object) -> bool:
        return coordinates in self._images

    def __repr__(self) -> str:
        return f"<Dataset {self.path.name}: {self.exit_status}, {len(self._images)} images>"
