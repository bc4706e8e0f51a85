"""Tables in which listeners compare systems in pairs: both are trained, and heard side by side."""

from tfwave.repro import table as speech_table
from tfwave.repro.report.page import read_clip


class PairBench:
    """Trains the systems of every pair, and puts their clips side by side.

    Args:
      bench: `LikelihoodBench` of the systems.
      systems: {slug: `Row`} of all systems; a pair's slug is FIRST_vs_SECOND.
      recorded: `Row` of the recordings.
      columns: of the table of pairs, for the likelihoods of first and second.
    """

    def __init__(self, bench, systems, recorded, columns):
        self._bench, self._systems = bench, systems
        self._recorded, self._columns = recorded, columns

    def _pair(self, row):
        return [self._systems[slug] for slug in row.slug.split("_vs_")]

    def row_settings(self, row):
        """Return what changes the numbers of a pair, beside the settings of the folder."""
        pair = self._pair(row)
        return {"row": row.slug, "pair": [self._bench.row_settings(each) for each in pair]}

    def compute(self, row, results):
        """Compute the systems that the folder does not hold yet, then the pair.

        Args:
          row: the pair.
          results: `runner.Results`.

        Raises:
          Interrupted: training was stopped; the same call continues.
          NonFiniteError: training diverged.
        """
        pair = self._pair(row)
        for system in (*pair, self._recorded):
            if not results.load(system.slug, self._bench.row_settings(system)):
                self._bench.compute(system, results)
        made = [results.load(system.slug) for system in pair]
        self._save(row, made, results)

    def _save(self, row, systems, results):
        """Write the result of a pair, from the results of its two systems."""
        clips = [
            (
                clip["label"],
                f"{system['label']}: {clip['label']}",
                read_clip(results.row_dir(system["slug"]) / clip["file"]),
            )
            for pair in zip(*(system["clips"] for system in systems), strict=True)
            for system, clip in zip(systems, pair, strict=True)
        ]
        measured = [system["scores"][self._bench.column] for system in systems]
        speech_table.save_row(
            results,
            row,
            self.row_settings(row),
            systems[0]["sample_rate"],
            dict(zip(self._columns, measured, strict=True)),
            systems[0]["counts"],
            {f"{s['label']}, {k}": v for s in systems for k, v in s["facts"].items()},
            {},
            clips,
        )
