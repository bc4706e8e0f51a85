"""Conversion of result folders of earlier versions to the current form."""

from typing import Any


def upgrade_settings(settings: dict) -> dict:
    """Return the settings of a folder or of a row as this version writes them."""
    settings = _without_batch_size(settings)
    if "figure" in settings:  # which had a driver of its own
        settings = {"table": f"{settings['figure']}_figure", **settings}
        del settings["figure"]
    return settings


def upgrade_result(result: dict) -> dict:
    """Return the content of a result.json as this version writes it."""
    result = dict(result)
    for name in ("settings", "row_settings"):
        result[name] = upgrade_settings(result.get(name, {}))
    scores = result.setdefault("scores", {})
    result.setdefault("clips", [])
    if "naive" in result and not scores:
        _score_figure(result)
    if "counts" not in result:
        counts = sorted({score["n"] for score in scores.values() if score.get("n")}, reverse=True)
        result["counts"] = f"{' and '.join(f'{n:,}' for n in counts)} clips" if counts else ""
    return result


def _score_figure(result):
    """Add the scores that the driver of a figure printed without saving them."""
    naive, queues = result["naive"], result["queues"]
    result["scores"]["ratio"] = {"mean": naive["median"] / queues["median"]}
    for name, side in (("naive", naive), ("queues", queues)):
        half = (side["max"] - side["min"]) / 2
        result["scores"][name] = {"mean": 1e6 * side["median"], "pm": 1e6 * half}
    result["row_settings"] = {"row": result["slug"]}
    result["counts"] = ""


def _without_batch_size(value: Any) -> Any:
    """Drop the batch size of model configurations, which no training read."""
    if isinstance(value, (list, tuple)):
        # A preset names its models as pairs (system, configuration).
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict):
            return [value[0], _model_settings(value[1])]
        return [_without_batch_size(each) for each in value]
    if isinstance(value, dict):
        return {
            name: _model_settings(each) if name == "model" else _without_batch_size(each)
            for name, each in value.items()
        }
    return value


def _model_settings(model):
    if not isinstance(model, dict):
        return _without_batch_size(model)
    return {name: each for name, each in model.items() if name != "batch_size"}
