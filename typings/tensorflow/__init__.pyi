# TensorFlow ships no types, and the stubs that type checkers bundle describe a part of another
# version.
# Everything in it may be anything.
from typing import Any

def __getattr__(name: str) -> Any: ...
