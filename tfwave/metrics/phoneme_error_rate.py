"""Phoneme error rate: edits between recognised and spoken phonemes, over a corpus.

The rate is the sum of all edits divided by the number of all reference phonemes, as usual for
TIMIT. arXiv:1609.03499 section 3.4 gives a rate but names neither folding nor scoring tool.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Edits:
    """Numbers of edits that turn references into hypotheses.

    Attributes:
      insertions: labels only in the hypotheses.
      deletions: labels only in the references.
      substitutions: labels that differ.
      reference_length: labels of the references.
    """

    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0
    reference_length: int = 0

    @property
    def total(self):
        """Number of edits."""
        return self.insertions + self.deletions + self.substitutions

    @property
    def rate(self):
        """Return the edits per reference label, 0 or more; above 1 with many insertions.

        Raises:
          ValueError: there are no reference labels.
        """
        if not self.reference_length:
            raise ValueError("reference_length is 0; an error rate needs reference labels")
        return self.total / self.reference_length


def edits(reference, hypothesis):
    """Count the fewest edits; among equals those with the fewest insertions and deletions.

    Args:
      reference: sequence of labels.
      hypothesis: sequence of labels.

    Returns:
      Edits.
    """
    # (edits, insertions, deletions) of the best way to each prefix of the hypothesis.
    row = [(j, j, 0) for j in range(len(hypothesis) + 1)]
    for i, spoken in enumerate(reference, 1):
        last, row = row, [(i, 0, i)]
        for j, recognised in enumerate(hypothesis, 1):
            (a, a_in, a_out), (b, b_in, b_out), (c, c_in, c_out) = last[j - 1], row[-1], last[j]
            row.append(
                min(
                    (a + int(spoken != recognised), a_in, a_out),
                    (b + 1, b_in + 1, b_out),
                    (c + 1, c_in, c_out + 1),
                )
            )
    total, insertions, deletions = row[-1]
    return Edits(insertions, deletions, total - insertions - deletions, len(reference))


def corpus_edits(references, hypotheses, folding=None):
    """Sum the edits of a corpus.

    Args:
      references: list of sequences of labels.
      hypotheses: list of as many sequences.
      folding: mapping or array from label to the label that is scored; None or a negative number
        drops it. Without one all labels are scored as they are.

    Returns:
      Edits; its `rate` is the phoneme error rate.

    Raises:
      ValueError: the lists differ in length, or a label has no folding.
    """
    if len(references) != len(hypotheses):
        counts = len(references), len(hypotheses)
        raise ValueError("{} references do not go with {} hypotheses".format(*counts))
    parts = [
        edits(_fold(reference, folding), _fold(hypothesis, folding))
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    fields = [field.name for field in dataclasses.fields(Edits)]
    return Edits(**{name: sum(getattr(part, name) for part in parts) for name in fields})


def _fold(labels, folding):
    if folding is None:
        return list(labels)
    folded = []
    for label in labels:
        # A negative index would count from the end of an array.
        negative = not isinstance(label, str) and label < 0
        try:
            target = folding[label] if not negative else _no_folding(label)
        except (KeyError, IndexError):
            _no_folding(label)
        if target is not None and (isinstance(target, str) or target >= 0):
            folded.append(target)
    return folded


def _no_folding(label):
    raise ValueError(f"label {label!r} has no folding") from None
