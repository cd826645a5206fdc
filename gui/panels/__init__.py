"""One panel per file; `gui.panels.registry` lists them."""
