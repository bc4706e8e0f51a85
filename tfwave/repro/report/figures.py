"""Figures of a report: spectrograms, training curves and scores, as PNG and PDF.

All figures are `matplotlib.figure.Figure` objects; pyplot is not used.
"""

import io

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from tfwave import files
from tfwave.models import legacy
from tfwave.models.system import charts

_FRAME = 256  # samples, as in SpecGAN's representation: 62.5 Hz per bin at 16 kHz
_HOP = 128
_RANGE = 80.0  # dB shown below full scale
_COLOURS = "magma"
_INK, _FAINT = "#33393f", "#8a9199"
_FIRST, _SECOND = "#0b7a75", "#d0731f"

_MOST_PANELS = 4


def panels(values, system):
    """Choose the panels of a row's training curves.

    Args:
      values: {scalar: [[step, value], ...]}.
      system: name of the trained system, whose class declares its curves.

    Returns:
      List of (title, ((scalar, legend), ...)), at most four; those with held-out numbers come
      first, and gradients last.
    """
    curves = legacy.system_class(system).all_curves()
    drawn = charts(curves, [name for name in values if values[name]])
    order = sorted(drawn, key=lambda title: "gradient n" in title.lower())
    return [
        (title, tuple(zip(drawn[title], _legends(drawn[title]), strict=True)))
        for title in order[:_MOST_PANELS]
    ]


def _legends(names):
    """Name the lines of one panel; a line alone needs no name."""
    if len(names) == 1:
        return [""]
    if len(names) == 2 and names[1] == f"held_out_{names[0]}":
        return ["training", "held out"]
    return [name.replace("_", " ") for name in names]


def spectrogram(waveform, decibels=_RANGE):
    """Compute the magnitudes of a clip in decibels, scaled for a picture.

    Args:
      waveform: float array [time] in [-1, 1].
      decibels: dynamic range below a full-scale sine.

    Returns:
      float array [129 bins, frames] in 0..1, low frequencies first.
    """
    waveform = np.asarray(waveform, np.float64)
    padded = np.pad(waveform, (0, max(0, _FRAME - _HOP)))
    if len(padded) < _FRAME:
        padded = np.pad(padded, (0, _FRAME - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    window = np.hanning(_FRAME + 1)[:-1]
    magnitude = np.abs(np.fft.rfft(frames * window)).T / (window.sum() / 2)
    level = 20 * np.log10(np.maximum(magnitude, 1e-9))
    return np.clip(level / decibels + 1, 0, 1)


def tile(waveform):
    """Draw the spectrogram of a clip as a bare PNG, time to the right, frequency upwards.

    Args:
      waveform: float array [time] in [-1, 1].

    Returns:
      PNG bytes with a 256-colour palette.
    """
    levels = np.round(spectrogram(waveform)[::-1] * 255).astype(np.uint8)
    image = Image.fromarray(levels).convert("L")
    picture = Image.new("P", image.size)
    picture.putdata(list(image.tobytes()))
    palette = np.round(colormaps[_COLOURS](np.arange(256))[:, :3] * 255).astype(np.uint8)
    picture.putpalette(palette.tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def clips_figure(real, generated, sample_rate, title, captions):
    """Draw spectrograms of real clips above generated ones.

    Args:
      real: list of float arrays [time].
      generated: list of float arrays [time], of the same length.
      sample_rate: in Hz.
      title: title of the two rows of pictures.
      captions: one line of text above every generated clip.

    Returns:
      A matplotlib Figure.
    """
    columns = max(len(generated), 1)
    # Fixed margins: matplotlib's automatic layouts take several seconds per figure.
    width = 2.3 * columns + 0.8
    figure = Figure(figsize=(width, 4.3))
    axes = figure.subplots(
        2,
        columns,
        squeeze=False,
        sharex=True,
        sharey=True,
        gridspec_kw={
            "left": 0.75 / width,
            "right": 1 - 0.1 / width,
            "bottom": 0.1,
            "top": 0.97,
            "wspace": 0.08,
            "hspace": 0.16,
        },
    )
    for line, (clips, name) in enumerate(zip((real, generated), title, strict=True)):
        for column, clip in enumerate(clips):
            axis = axes[line][column]
            axis.imshow(
                spectrogram(clip),
                origin="lower",
                aspect="auto",
                cmap=_COLOURS,
                vmin=0,
                vmax=1,
                extent=(0, len(clip) / sample_rate, 0, sample_rate / 2000),
            )
            axis.tick_params(labelsize=7, colors=_INK)
        axes[line][0].set_ylabel(f"{name}\nkHz", fontsize=8, color=_INK)
    for column, caption in enumerate(captions):
        axes[1][column].set_title(caption, fontsize=8, color=_INK)
    for axis in axes[1]:
        axis.set_xlabel("s", fontsize=8, color=_INK)
    return figure


def training_figure(curves, title, system):
    """Draw the training curves of one row.

    Args:
      curves: {scalar name: [[step, value], ...]}.
      system: name of the trained system.
      title: name of the row.

    Returns:
      A matplotlib Figure with a panel for each of `panels`.
    """
    shown = panels(curves, system)
    figure = Figure(figsize=(10.5, 2.6))
    axes = figure.subplots(
        1,
        len(shown),
        squeeze=False,
        gridspec_kw={"left": 0.05, "right": 0.99, "bottom": 0.17, "top": 0.82, "wspace": 0.25},
    )
    for axis, (name, lines) in zip(axes[0], shown, strict=True):
        for (scalar, legend), colour in zip(lines, (_FIRST, _SECOND), strict=False):
            points = np.asarray(curves.get(scalar, []), np.float64).reshape(-1, 2)
            axis.plot(points[:, 0], points[:, 1], color=colour, linewidth=1, label=legend)
        _dress(axis, name)
        axis.set_xlabel("iterations", fontsize=8, color=_INK)
        if len(lines) > 1:
            axis.legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=10, color=_INK)
    return figure


def scores_figure(views, columns, dark=False):
    """Draw published against reproduced scores, one panel for each column that has any.

    Args:
      views: list of `RowView`.
      columns: the `Column`s.
      dark: light ink for a dark page.

    Returns:
      A matplotlib Figure with a transparent background.
    """
    ink, faint = ("#e4e7ea", "#5c646c") if dark else (_INK, "#c9ced3")
    first = "#45c4b0" if dark else _FIRST
    paper = "#a3abb3" if dark else "#7b848d"
    height = 0.29 * len(views) + 1.1
    shown = [
        (j, column)
        for j, column in enumerate(columns)
        if any(value is not None for view in views for value in view.cells[j].values)
    ] or list(enumerate(columns))
    figure = Figure(figsize=(11, height))
    axes = figure.subplots(
        1,
        len(shown),
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": 0.2,
            "right": 0.99,
            "bottom": 0.72 / height,
            "top": 1 - 0.3 / height,
            "wspace": 0.1,
        },
    )[0]
    places = np.arange(len(views))[::-1]
    for axis, (j, column) in zip(axes, shown, strict=True):
        for place, view in zip(places, views, strict=True):
            pair = view.cells[j].values
            known = [v.mean for v in pair if v is not None]
            if len(known) == 2:
                axis.plot(known, [place, place], color=faint, linewidth=1.4, zorder=1)
            for value, colour, face in zip(pair, (paper, first), ("none", first), strict=True):
                if value is not None:
                    axis.scatter(
                        value.mean,
                        place,
                        s=30,
                        edgecolor=colour,
                        facecolor=face,
                        linewidth=1.4,
                        zorder=2,
                        clip_on=False,
                    )
        if column.better.startswith("closest to "):
            goal = float(column.better.rpartition(" ")[2])
            axis.axvline(goal, color=faint, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
        _dress(axis, f"{column.label}  {column.arrow}", ink, faint)
        axis.set_xlim(left=0)
        values = [v.mean for view in views for v in view.cells[j].values if v is not None]
        if values and max(values) > 20 * np.median(values) > 0:  # one row would flatten the others
            axis.set_xscale("symlog", linthresh=2 * np.median(values))
        axis.set_ylim(-0.7, len(views) - 0.3)
    axes[0].set_yticks(places, [view.row.label for view in views], fontsize=9)
    for axis in axes:
        axis.tick_params(axis="y", length=0)
    handles = [
        axes[0].scatter([], [], s=30, edgecolor=edge, facecolor=face, linewidth=1.4, label=name)
        for edge, face, name in ((paper, "none", "paper"), (first, first, "reproduced"))
    ]
    figure.legend(
        handles=handles, loc="lower center", ncols=2, frameon=False, fontsize=8, labelcolor=ink
    )
    return figure


def _dress(axis, title, ink=_INK, faint="#c9ced3"):
    """Style the frame of an axis and set its title."""
    # A long title in full size would run into that of the next panel.
    axis.set_title(title, fontsize=9.5 if len(title) <= 30 else 8, color=ink, loc="left")
    axis.set_facecolor("none")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(faint)
    axis.tick_params(labelsize=8, labelcolor=ink, color=faint)


def png(figure, dpi=200):
    """Return a figure as PNG bytes on a transparent background."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, transparent=True, metadata={"Software": None})
    return stream.getvalue()


def save(figure, path):
    """Write a figure as `path`.png (on white) and `path`.pdf."""
    for ending, options in (("png", {"dpi": 160, "facecolor": "white"}), ("pdf", {})):
        files.atomic_write(
            f"{path}.{ending}",
            lambda stream, e=ending, o=options: figure.savefig(stream, format=e, **o),
        )
