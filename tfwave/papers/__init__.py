"""The papers' published tables as data, the runner of their rows, and the report."""
