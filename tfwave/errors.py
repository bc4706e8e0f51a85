"""Errors that a user can put right.

The command line prints a `UserError` or an `OSError` as one line. Every other exception is a defect
of tfwave and keeps its traceback.
"""


class UserError(ValueError):
    """A flag, file, field or argument that cannot be used.

    The message is one sentence that names it, its value and what is possible instead.
    """
