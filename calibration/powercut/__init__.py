"""What is left of the runs after a cut at any instant: ``make powercut``, docs/powercut.md.

The real daemon records under strace; from the list of what it did to its files every state is
made that a killed process or a card without power could leave behind, and each is started from
as the daemon would. ``operations`` reads the trace, ``storage`` makes the states, ``runs`` and
``journals`` judge them, ``kills`` does it once more with a real SIGKILL.
"""
