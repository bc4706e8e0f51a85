"""Errors that are a user's mistake, which the command line prints as one line."""


class UserError(ValueError):
    """A mistake in a flag, a configuration or a folder.

    The message is one sentence that names the file, flag or field and the way out.
    """
