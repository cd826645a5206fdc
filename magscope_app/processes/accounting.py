"""What became of the frames of a recording: each stands in exactly one place."""

from __future__ import annotations

from collections.abc import Sequence

from magscope_app.datatypes import Gap
from magscope_app.messages import Counters
from magscope_app.processes.id_ranges import Range, SeenIds, clip, subtract, total, union


def account(
    window: Range, gaps: Sequence[Gap], rows: SeenIds | None, video: SeenIds | None, why: str = ""
) -> tuple[Counters, list[Gap]]:
    """Count the frames of a recording.

    Parameters
    ----------
    window : tuple of int
        First frame id of the recording, and the id after its last.
    gaps : sequence of Gap
        The ledger of the ring.
    rows, video : SeenIds, optional
        Which frames reached the tracks files and the video, where these were asked for.
    why : str
        Why recording lost frames, if it did.

    Returns
    -------
    counters : Counters
        Of these frames.
    ledger : list of Gap
        Every loss among them; its sum is ``counters.frames_lost``.
    """
    upstream = [gap for gap in gaps if gap.where == "camera" and window[0] < gap.first_id <= window[1]]
    ring = clip([(gap.first_id, gap.first_id + gap.count) for gap in gaps if gap.where == "ring"], window)
    tracking: list[Range] = []
    recording: list[Range] = []
    if rows is not None:
        absent = subtract(clip(rows.missing(window[1]), window), ring)
        tracking = subtract(absent, rows.overwritten)
        recording = subtract(absent, tracking)
    if video is not None:
        unseen = clip(video.missing(window[1]), window)
        recording = union([*recording, *subtract(unseen, [*ring, *tracking])])
    acquired = window[1] - window[0] - total(ring)
    counters = Counters(
        frames_acquired=acquired,
        frames_tracked=acquired - total(tracking),
        frames_recorded=acquired - total(tracking) - total(recording),
        lost_upstream=sum(gap.count for gap in upstream),
        lost_ring=total(ring),
        lost_tracking=total(tracking),
        lost_recording=total(recording),
    )
    ledger = list(upstream)
    for where, ranges in (("ring", ring), ("tracking", tracking), ("recording", recording)):
        ledger += [Gap(first, last - first, where, _why(gaps, where, first) or why) for first, last in ranges]
    return counters, sorted(ledger, key=lambda gap: gap.first_id)


def _why(gaps: Sequence[Gap], where: str, frame_id: int) -> str:
    """Return the cause that the ring has noted for a frame, or what is known without one."""
    for gap in gaps:
        if gap.where == where and gap.first_id <= frame_id < gap.first_id + gap.count:
            return gap.why
    return "not tracked before the end" if where == "tracking" else ""
