"""The module that becomes the user's program: `python -m lab.programs.main_module`.

Its name stays in the namespace's `__spec__`. So a child that is started with spawn or forkserver imports this module as
its main module, and with it the program.
"""

exec(__import__("lab.programs.interpreter", fromlist=["load_program"]).load_program(globals()))  # noqa: S102 - its purpose
