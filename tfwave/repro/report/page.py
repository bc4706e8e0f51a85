"""The report as one self-contained HTML file with embedded sound, pictures and styles."""

import base64
import pathlib

import jinja2

from tfwave import files
from tfwave.audio.files import decode
from tfwave.repro import results as runner
from tfwave.repro.plan import duration
from tfwave.repro.report import figures

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_POINTS = 240  # per curve; more cannot be seen at the size it is drawn


def render(report, results, clips_shown):
    """Return the report as HTML.

    Args:
      report: `report.Report`.
      results: `results.Results` with the clips and curves.
      clips_shown: players per row.

    Returns:
      The text of a self-contained page without scripts or links to other files.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    reference = results.load(report.header.reference)
    cards = [_card(row, report, reference, results, clips_shown) for row in report.views]
    return environment.get_template("table.html").render(
        report=report,
        header=report.header,
        cards=cards,
        real_tiles=_real_tiles(cards, results.row_dir(report.header.reference)),
        scores=_scores_pictures(report),
        style=(_TEMPLATES / "table.css").read_text(encoding="utf-8"),
        duration=duration,
    )


def read_clip(path):
    """Return the samples of a kept clip [time], in [-1, 1]."""
    return decode(path)[0][:, 0]


def real_counterpart(clip, index, reference):
    """Choose the real clip to show beside another one: the same class or recording, else by number.

    Args:
      clip: entry of a result's `clips`.
      index: its place in that list.
      reference: result of the row of recordings.

    Returns:
      An entry of the reference's `clips` or `examples`.
    """
    known = [*reference.get("examples", []), *reference["clips"]]
    same = [entry for entry in known if "label" in clip and entry.get("label") == clip["label"]]
    return same[0] if same else reference["clips"][index % len(reference["clips"])]


def _card(row, report, reference, results, clips_shown):
    """Collect the parts of the page that show one row, except its numbers."""
    card = {"view": row, "clips": [], "panels": [], "facts": []}
    if not row.done:
        return card
    folder = results.row_dir(row.row.key)
    for i, clip in enumerate(row.result["clips"][:clips_shown]):
        path = folder / clip["file"]
        real = real_counterpart(clip, i, reference) if reference else None
        card["clips"].append(
            {
                **clip,
                "number": i + 1,
                "audio": _data_uri("audio/wav", path.read_bytes()),
                "tile": _data_uri("image/png", figures.tile(read_clip(path))),
                "real": real if row.row.key != report.header.reference else None,
            }
        )
    if row.result.get("trained") and (folder / runner.CURVES).exists():
        card["panels"] = _panels(files.read_json(folder / runner.CURVES), row.row.system)
    card["facts"] = _facts(row.result)
    return card


def _facts(result):
    """Return (name, value) pairs that stand under a row's pictures."""
    facts = [(name, _number(value)) for name, value in result.get("facts", {}).items()]
    seconds = result.get("seconds", {})
    facts += [(f"Time to {name}", duration(value)) for name, value in seconds.items()]
    git = result["provenance"]["git"]
    dirty = " with local changes" if git["dirty"] is True else ""
    packages = result["provenance"]["packages"]
    facts += [
        ("Code", f"{git['revision'][:10]}{dirty}"),
        ("TensorFlow", packages["tensorflow"]),
        ("Machine", ", ".join([result["provenance"]["system"], *result["provenance"]["gpus"]])),
        ("Configuration", result["key"]),
    ]
    return facts


def _number(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _real_tiles(cards, folder):
    """Return {name: data URI} of every real clip that stands beside another one."""
    names = {clip["real"]["file"] for card in cards for clip in card["clips"] if clip["real"]}
    return {
        pathlib.Path(name).stem: _data_uri("image/png", figures.tile(read_clip(folder / name)))
        for name in sorted(names)
    }


def _scores_pictures(report):
    """Return the scores figure for light and for dark pages, None without a finished row."""
    if not any(row.done for row in report.views):
        return None
    return [
        _data_uri(
            "image/png",
            figures.png(figures.scores_figure(report.views, report.columns, dark), dpi=170),
        )
        for dark in (False, True)
    ]


def _panels(curves, system):
    """Turn training curves into polylines in a box of 100 by 100."""
    panels = []
    for title, lines in figures.panels(curves, system):
        known = [(name, legend) for name, legend in lines if curves.get(name)]
        points = [(x, y) for name, _ in known for x, y in curves[name]]
        panel = {"title": title, "lines": [], "low": "", "high": "", "last": 0}
        if points:
            last = max(x for x, _ in points) or 1
            low, high = min(y for _, y in points), max(y for _, y in points)
            span = (high - low) or 1.0
            panel |= {"low": f"{low:.3g}", "high": f"{high:.3g}", "last": last}
            for name, legend in known:
                drawn = _thin(curves[name])
                text = " ".join(
                    f"{100 * x / last:.2f},{100 - 100 * (y - low) / span:.2f}" for x, y in drawn
                )
                panel["lines"].append({"points": text, "legend": legend, "end": drawn[-1][1]})
        panels.append(panel)
    return panels


def _thin(points):
    """Average neighbouring points until a curve has at most as many as can be seen."""
    group = -(-len(points) // _POINTS)
    groups = [points[i : i + group] for i in range(0, len(points), group)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def _data_uri(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
