"""What goes wrong in the simulated camera, and at which frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hardware.simulated.fault_now import fault_now
from magscope_app.config import FaultEntry


class CameraFaults:
    """Faults of the config, at their frames, and faults on demand, from the next frame on.

    Parameters
    ----------
    entries : iterable of FaultEntry
        Those of other devices are none of ours.
    """

    def __init__(self, entries: Iterable[FaultEntry] = ()) -> None:
        self._entries = tuple(entry for entry in entries if entry.device == "camera")
        self._frames_to_drop = 0
        self._frames_to_flood = 0
        self._stall_s = 0.0
        self._unplug = False
        self._unplugged_at: set[int] = set()
        #: True from a disconnect until `reopen`.
        self.lost = False

    def cause(
        self, kind: str, *, duration_s: float | None, count: int, at_position: float | None = None
    ) -> None:
        """Let something go wrong now. Raises DeviceError for what cannot go wrong here."""
        fault = fault_now("camera", kind, duration_s=duration_s, count=count, at_position=at_position)
        match fault.kind:
            case "drop_frames":
                self._frames_to_drop += fault.count
            case "saturated_light":
                self._frames_to_flood += fault.count
            case "stall":
                self._stall_s = fault.duration_s or 0.0
            case _:
                self._unplug = True

    def reopen(self) -> None:
        """Be connected again; a disconnect that has happened does not come back."""
        self.lost = self._unplug = False

    def drops(self, frame: int) -> bool:
        """Return whether a frame is never delivered; asked once for each."""
        if self._frames_to_drop:
            self._frames_to_drop -= 1
            return True
        return any(self._lasts(entry, frame) for entry in self._of("drop_frames"))

    def floods(self, frame: int) -> bool:
        """Return whether there is far too much light in a frame; asked once for each."""
        if self._frames_to_flood:
            self._frames_to_flood -= 1
            return True
        return any(self._lasts(entry, frame) for entry in self._of("saturated_light"))

    def stall_s(self, frame: int) -> float:
        """Return how long the camera is silent before a frame; asked once for each."""
        silent_s, self._stall_s = self._stall_s, 0.0
        for entry in self._of("stall"):
            since = _since(entry, frame)
            if since == 0 or (since > 0 and entry.every is not None and since % entry.every == 0):
                silent_s = max(silent_s, entry.duration_s or 0.0)
        return silent_s

    def unplugs(self, frame: int) -> bool:
        """Return whether the camera is gone instead of delivering a frame; then it is `lost`."""
        due = {entry.at_frame for entry in self._of("disconnect") if entry.at_frame is not None}
        due = {at_frame for at_frame in due - self._unplugged_at if at_frame <= frame}
        self._unplugged_at |= due
        if due or self._unplug:
            self.lost = True
        return self.lost

    def _of(self, kind: str) -> Iterator[FaultEntry]:
        return (entry for entry in self._entries if entry.kind == kind)

    @staticmethod
    def _lasts(entry: FaultEntry, frame: int) -> bool:
        since = _since(entry, frame)
        return since >= 0 and (since % entry.every if entry.every else since) < entry.count


def _since(entry: FaultEntry, frame: int) -> int:
    return frame - (entry.at_frame or 0)
