"""The window of MagScope App: the only package that imports Qt.

Object names that tests and scripts may rely on (``window.findChild(kind, name)``):

==========================  ==============================================================
``window``                  the main window
``dock.<panel>``            dock of a panel; the panels are listed in `gui.panels.registry`
``image.view``              the live image; ``viewport_now.to_view(x_px, y_px)`` says where a pixel is
``image.add.button``        the tool that adds beads
``image.age``               frame number and age
``traces.title``            which bead is shown
``beads.table``             the bead table
``recording.button``        record and stop
``recording.folder``        also ``.name``, ``.mode``, ``.state``, ``.disk``
``camera.<setting>``        control of a camera setting
``motor.<name>.position``   also ``.target``, ``.step``, ``.go``, ``.back``, ``.forth``
``log.text``                the log
``system.processes``        states of the processes; ``system.<counter>`` for each counter
``status.<field>.value``    fps, beads, buffer, lost, recording, disk, motors, processes
``status.stop_all``         stops every motor
``notice.text``             newest error; ``notice.copy``, ``notice.dismiss``
``closing.stop``            stop the recording and close; ``closing.keep``
``action.<name>``           menu entries: record, stop_recording, close, remove_bead, stop_all, show.<panel>
==========================  ==============================================================
"""
