# Keras is not annotated: a checker would take each default for the only type of its argument.
# Everything in it may be anything.
from typing import Any

def __getattr__(name: str) -> Any: ...
