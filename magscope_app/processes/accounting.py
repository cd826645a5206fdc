"""What became of the frames of a recording: each stands in exactly one place."""

from __future__ import annotations

from collections.abc import Sequence

from magscope_app.datatypes import Gap
from magscope_app.datatypes.gaps import FULL, MERGED
from magscope_app.messages import Counters
from magscope_app.processes.id_ranges import Range, SeenIds, clip, first_ids, subtract, total, union


def account(
    window: Range,
    gaps: Sequence[Gap],
    rows: SeenIds | None,
    video: SeenIds | None,
    why: str = "",
    left_out: int = 0,
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
    left_out : int
        Frames of `video` whose image was left out on purpose: where rows are not recorded either, nothing of
        them is.

    Returns
    -------
    counters : Counters
        Of these frames.
    ledger : list of Gap
        Every loss among them; its sum is ``counters.frames_lost``.
    """
    upstream = [gap for gap in gaps if gap.where == "camera" and window[0] < gap.first_id <= window[1]]
    ring = _lost_in_ring(window, gaps, rows if rows is not None else video)
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
        frames_recorded=acquired - total(tracking) - total(recording) - (left_out if rows is None else 0),
        lost_upstream=sum(gap.count for gap in upstream),
        lost_ring=total(ring),
        lost_tracking=total(tracking),
        lost_recording=total(recording),
        frames_left_out=left_out,
    )
    ledger = list(upstream)
    for where, ranges in (("ring", ring), ("tracking", tracking), ("recording", recording)):
        ledger += [Gap(first, last - first, where, _why(gaps, where, first) or why) for first, last in ranges]
    return counters, sorted(ledger, key=lambda gap: gap.first_id)


def _lost_in_ring(window: Range, gaps: Sequence[Gap], seen: SeenIds | None) -> list[Range]:
    """Return which frames the ring refused.

    After so many losses that its table was full, the ring knows their number only: these are the first frames
    from there on that nobody has seen.
    """
    lost = [gap for gap in gaps if gap.where == "ring"]
    exact = [gap for gap in lost if seen is None or gap.why != MERGED]
    ring = clip([(gap.first_id, gap.first_id + gap.count) for gap in exact], window)
    if seen is None:
        return ring
    for gap in lost:
        if gap.why == MERGED:
            absent = clip(seen.missing(window[1]), (max(gap.first_id, window[0]), window[1]))
            ring = union([*ring, *first_ids(subtract(absent, ring), gap.count)])
    return ring


def _why(gaps: Sequence[Gap], where: str, frame_id: int) -> str:
    """Return the cause that the ring has noted for a frame, or what is known without one."""
    for gap in gaps:
        if gap.where == where and gap.why != MERGED and gap.first_id <= frame_id < gap.first_id + gap.count:
            return gap.why
    return {"tracking": "not tracked before the end", "ring": FULL}.get(where, "")
