"""What the log says of a recording."""

from __future__ import annotations

from pathlib import Path

from magscope_app.messages import Message, RecordingFinished, RecordingStarted


def recording_text(message: Message, running: Path | None) -> str:
    """Return a sentence about the beginning or the end of a recording, nothing about everything else.

    Parameters
    ----------
    message : Message
        What the recorder says.
    running : Path or None
        What was recorded before: a recorder that goes on with it begins nothing.
    """
    if isinstance(message, RecordingStarted) and message.path != running:
        return f"recording has begun: {message.mode} into {message.path}"
    if isinstance(message, RecordingFinished):
        counters = message.counters
        if message.error and not message.path.is_dir():
            return (
                f"recording has ended ({message.exit_status}): the folder {message.path} was deleted or "
                f"moved, and with it all {counters.frames_recorded} frames that were written into it"
            )
        lost = f"{counters.frames_lost} lost" if counters.frames_lost else "none lost"
        frames = f"{counters.frames_recorded} frames, {lost}"
        if message.without_image:
            frames += f" ({message.without_image} of them have tracks and no image)"
        if counters.frames_left_out:
            frames += f", {counters.frames_left_out} left out of the video"
        return f"recording has ended ({message.exit_status}): {frames}, in {message.path}"
    return ""
