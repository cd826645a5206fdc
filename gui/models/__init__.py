"""What the window shows and what a gesture means, without Qt."""
