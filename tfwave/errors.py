"""The errors that are a user's mistake, not a defect."""


class UserError(ValueError):
    """Something that a user gave cannot be used; the message is a sentence that names it."""
