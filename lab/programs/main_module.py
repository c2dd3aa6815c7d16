"""The module that becomes somebody's program: `python -m lab.programs.main_module`.

Its name stays in the namespace's `__spec__`, so that a child that begins anew (spawn, forkserver) imports this module
as its main one, and with it the program.
"""

exec(__import__("lab.programs.interpreter", fromlist=["enter"]).enter(globals()))  # noqa: S102 - it is what was asked for
