"""What this computer can do: frames through memory, beads through the tracker, video to the disk."""
