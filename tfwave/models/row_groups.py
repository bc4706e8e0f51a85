"""Batches in groups of rows that are made at the same time, one for each core."""

import os


def row_groups(rows, groups=None, least=1):
    """Divide the rows of a batch.

    Args:
      rows: how many there are.
      groups: how many groups are wanted; None for one for each core.
      least: rows that a group has at least, with None.

    Returns:
      List of slices, none of them empty.
    """
    if groups is None:
        groups = min(len(os.sched_getaffinity(0)), rows // least)
    groups = max(1, min(groups, rows))
    edges = [rows * i // groups for i in range(groups + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]
