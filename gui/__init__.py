"""The window of MagScope App: the only package that imports Qt.

Object names that tests and scripts may rely on (``window.findChild(kind, name)``):

==========================  ==============================================================
``window``                  the main window
``dock.<panel>``            dock of a panel; the panels are listed in `gui.panels.registry`
``image.roi``               side of all ROIs; ``image.saturated``
``find.score``              least score of what is found; ``find.text``, ``.again``, ``.add``, ``.done``
``levels.mode``             how black and white are chosen; ``levels.colours``, ``levels.histogram``
``image.view``              the live image; ``viewport_now.to_view(x_px, y_px)`` says where a pixel is
``image.add.button``        the tool that adds beads
``image.age``               frame number and age; ``image.under``, what is under the mouse
``traces.title``            which bead is shown; ``traces.relative``, ``traces.empty`` (why nothing is)
``profile.text``            which plane fits; ``lut.text``, ``allan.text``, ``spectrum.text``, ``losses.text``
``beads.table``             the bead table
``recording.button``        record and stop
``recording.folder``        also ``.name``, ``.mode``, ``.state``, ``.disk``
``camera.<setting>``        control of a camera setting
``motor.<name>.position``   also ``.target``, ``.step``, ``.go``, ``.back``, ``.forth``, ``.reconnect``
``force.value``             force now; ``force.target``, ``.go``, ``.rate``, ``.ramp``, ``.range``
``log.text``                the log; ``log.level``, ``log.words``, ``log.copy``
``preferences.theme``       also ``.font``, ``.hints``, ``.keys``, ``preferences.key.<action>``
``calibration.remarks``     what is to be known of the bead whose line is chosen
``palette.field``           what Ctrl+K opens; ``palette.list``, ``palette.nothing``
``system.processes``        states of the processes; ``system.<counter>`` for each counter, ``system.age``
``status.<field>.value``    fps, beads, buffer, lost, recording, disk, motors, locks, processes
``status.stop_all``         stops every motor
``notice.text``             newest error; ``notice.copy``, ``notice.dismiss``, ``.dismiss_all``
``done.text``               what is done; ``hint.text``, ``hint.next``, ``hint.enough``
``closing.stop``            stop the recording and close; ``closing.keep``
``action.<name>``           menu entries: record, stop_recording, close, undo, stop_all, show.<panel> …
==========================  ==============================================================
"""
