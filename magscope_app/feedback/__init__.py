"""What follows the beads: XY-lock, Z-lock, drift. Controllers that know no processes and no devices."""
