"""The processes of a running microscope and what they share."""
