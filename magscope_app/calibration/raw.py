"""The images of a sweep on their way to disk: a dataset that is there whole, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from magscope_app.calibration.unfinished import make_hidden
from magscope_app.clock import WallAnchor
from magscope_app.data import DataHandler
from magscope_app.data.item import attempt
from magscope_app.errors import MagscopeError
from magscope_app.messages import CorrectionFile
from magscope_app.processes.keeper import keep_corrections
from magscope_app.storage import DatasetFolder, NDTiffStorage

#: What a sweep is called among datasets.
NAME = "zlut"
_MOST_TRIALS = 1000


class RawSweep:
    """A dataset in a hidden folder beside its later place, until `keep` moves it there.

    Parameters
    ----------
    root : Path
        Where datasets go; made if it does not exist.
    config_text : bytes
        The config file that is run.
    facts : mapping
        What the dataset says about itself.
    anchor : WallAnchor
        The session clock.
    corrections : sequence of CorrectionFile
        What Z-LUTs are to be corrected with; the images are stored as the camera gave them.

    Attributes
    ----------
    handler : DataHandler
        Takes mosaics (n_beads · roi, roi) at {'time': frame_id, 'step': step}.

    Raises
    ------
    MagscopeError
        The folder cannot be made.
    """

    def __init__(
        self,
        root: Path,
        config_text: bytes,
        facts: Mapping[str, Any],
        anchor: WallAnchor,
        corrections: Sequence[CorrectionFile] = (),
    ) -> None:
        self._root = root
        self._made_root = not root.exists()
        self._closed = False
        try:
            self._hidden = make_hidden(root)
        except OSError as error:
            raise MagscopeError(f"{root} does not take a sweep ({error}); choose another folder") from error
        try:
            self._folder = DatasetFolder.create(
                self._hidden, NAME, config_text=config_text, facts=facts, unix_start_ns=anchor.unix_ns
            )
            self._folder.update(corrections=keep_corrections(self._folder, corrections))
            self._storage = NDTiffStorage(
                self._folder.next_video_part(), summary_metadata={"axes": ["time", "step"]}
            )
        except BaseException:
            self._remove()
            raise
        self.handler = DataHandler(self._storage)

    @property
    def path(self) -> Path:
        """Where the dataset is now."""
        return self._folder.path

    def finish(self, sweep: Mapping[str, Any], n_frames: int) -> None:
        """Complete the images and write what the sweep was.

        Raises
        ------
        MagscopeError
            The disk did not take them.
        """
        try:
            self.handler.finish()
            self._storage.close()
        except Exception as error:
            raise MagscopeError(f"the sweep's images could not be stored: {error}; check the disk") from error
        counters = {"frames_acquired": n_frames, "frames_recorded": n_frames}
        self._folder.finish("completed", counters, sweep=dict(sweep), mode="Video (ROIs)")

    def keep(self) -> Path:
        """Move the finished dataset to its place and return where that is. Raises MagscopeError."""
        base = self._folder.path.name
        self._closed = True
        try:
            for number in range(1, _MOST_TRIALS):
                target = self._root / (base if number == 1 else f"{base}_{number:03d}")
                if not target.exists():
                    self._folder.path.rename(target)
                    shutil.rmtree(self._hidden, ignore_errors=True)
                    return target
        except OSError as error:
            self._remove()
            raise MagscopeError(
                f"the sweep could not be moved to {self._root} ({error}); check the disk"
            ) from error
        self._remove()
        raise MagscopeError(f"{self._root} holds {_MOST_TRIALS} sweeps named {base}; choose another folder")

    def discard(self) -> None:
        """Leave nothing behind; does nothing once the dataset was kept or discarded."""
        if self._closed:
            return
        self._closed = True
        # What could not be stored is removed anyway.
        attempt(self.handler.finish)
        self._storage.close()
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self._hidden, ignore_errors=True)
        if self._made_root and self._root.is_dir() and not any(self._root.iterdir()):
            self._root.rmdir()
