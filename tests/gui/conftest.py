"""Every test of the window runs without a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from PyQt6.QtCore import QEvent
from PyQt6.QtWidgets import QApplication

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from gui.theme import LIGHT, put_on
from gui.window import MainWindow
from tests.gui.rig import Rig, config


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The supervisor's end of a window; a module's `MICROSCOPE` makes the config of another microscope."""
    made = Rig(getattr(request.module, "MICROSCOPE", config)())
    yield made
    made.close()


@pytest.fixture
def window(rig: Rig, qapp: QApplication) -> Iterator[MainWindow]:
    """The whole window at 1920 × 1080 on the buffers of `rig`, refreshed by calling `tick`."""
    put_on(qapp, LIGHT)
    made = MainWindow(rig.session, LIGHT)
    made.resize(1920, 1080)
    made.arrange()
    made.show()
    made.arrange()
    qapp.processEvents()
    yield made
    failed = made.guard.failed
    made.timer.stop()
    made.leave()
    made.close()
    made.deleteLater()
    # Qt deletes the window in the first round and what lambdas were connected to it in the second.
    for _ in range(2):
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        qapp.processEvents()
    assert not failed, "a test that makes a part fail clears this"
