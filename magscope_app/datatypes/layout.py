"""Where things lie in a segment. All offsets are in 64-bit words; each word has exactly one writer."""

from __future__ import annotations

PAGE = 4096
MAGIC = 0x3143_4F50_5347_414D
VERSION = 7

# Header. The magic is written last, so that nobody attaches to half a segment.
MAGIC_WORD, VERSION_WORD, KIND, OWNER_PID, OWNER_START, NBYTES = range(6)
#: Geometry, meaning by kind of buffer.
GEOMETRY = 6
GEOMETRY_WORDS = 10
# Written under the buffer's lock: by whoever joins as writer or reader.
WRITER_PID, WRITER_START, WRITER_TOKEN, PIN_TIMEOUT_NS, HAS_DEFAULT = range(16, 21)
# Who holds the lock, so that a dead holder can be told from a slow one.
LOCK_PID, LOCK_START = 24, 25
#: Counts how often the lock was taken away from a dead holder; changed under the lock of the session's file.
LOCK_TAKEN_AWAY = 29
# Under the lock, too: an odd number while the losses of a reader that is gone are being moved to those of
# former readers; its entry, and how many records there were before.
RETIREMENTS, RETIRED, RETIRED_FROM = 26, 27, 28
#: Frames or rows published so far, in the writer's own cache line.
HEAD = 32
#: Rows that are being overwritten may lie below this (matrix only).
RESERVED = 33
#: Counts the joins of writers and readers (under the lock). In the head's line, because the writer looks at
#: it before each frame: in a line of its own it would have to come from memory each time.
EPOCH = 34
#: Next position of the one cursor without a name; moved under the lock.
DEFAULT_CURSOR = 40
# What the writer knows of the camera's numbers and no published frame says, see `camera_notes` (video only):
# how many notes there have been; two of them in turn, each the next frame id, the losses booked in the
# camera, and the camera's next number plus 1 (0 for none); the head at which a loss in the camera was booked
# last, and how many were lost before the first at that head.
CAMERA_NOTED = 48
CAMERA_NOTES, CAMERA_NOTE_WORDS = 49, 3
CAMERA_LOST_HEAD, CAMERA_LOST_BEFORE = 55, 56

# Names of the readers that are unpinned when the ring fills, in that order.
NAME_WORDS = 8
UNPIN_NAMES = 64
MAX_UNPIN_NAMES = 8

# Readers: 128 bytes each, the first line written by the reader, the second by the writer and by who joins.
MAX_READERS = 16
READERS = 128
READER_WORDS = 16
PID, START, MODE, ARMED, CURSOR, TORN, BEAT = range(7)
UNPINNED, UNPINNED_WHY = 8, 9
PINNED, RANK = 10, 11
#: Counts the names that an entry has lost; whether the present one is in `unpin_first` or `wakes`.
TENANT, EXPECTED = 12, 13
READER_NAMES = READERS + MAX_READERS * READER_WORDS

# Gap tables: the writer's two, that of readers whose entry another name has got, that of the cursor without a
# name, then one for each reader. The writer's hold more: there ids are looked up, too.
WRITER_GAPS = 2048
READER_GAP_ENTRIES = 256
GAP_WORDS = 8


def gap_table_words(entries: int) -> int:
    """Return the size of a gap table: two records more than entries, see `gaps`."""
    return 8 + (entries + 2) * GAP_WORDS


READER_GAP_WORDS = gap_table_words(READER_GAP_ENTRIES)
RING_GAPS = READER_NAMES + MAX_READERS * NAME_WORDS
CAMERA_GAPS = RING_GAPS + gap_table_words(WRITER_GAPS)
FORMER_GAPS = CAMERA_GAPS + gap_table_words(WRITER_GAPS)
DEFAULT_GAPS = FORMER_GAPS + READER_GAP_WORDS
READER_GAPS = DEFAULT_GAPS + READER_GAP_WORDS
CHANNEL_WORDS = READER_GAPS + MAX_READERS * READER_GAP_WORDS

# Slots of the video ring: 64 bytes each.
SLOT_WORDS = 8
SEQUENCE, TIMESTAMP_NS, SECONDS, CAMERA_FRAME, DEVICE_TICK, FRAME_ID, FLAGS = range(7)


def pages(nbytes: int) -> int:
    """Return `nbytes` rounded up to whole pages."""
    return -(-nbytes // PAGE) * PAGE


#: Bytes before the slots (video) or rows (matrix).
CHANNEL_BYTES = pages(CHANNEL_WORDS * 8)
