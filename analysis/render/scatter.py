"""The matrix's picture: tail latency against cost, a cross for each candidate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analysis.model import Estimate
from analysis.render.axis import Axis, axis
from analysis.selecting.objective import CHEAPEST, FASTEST
from analysis.selecting.selection import Candidate, Matrix
from analysis.words import figures
from analysis.words.figures import Unit, unit_of
from analysis.words.plaintext import clean
from scenarios.slo import parse_slo

WIDTH, HEIGHT = 1000, 520
LEFT, RIGHT, TOP, BOTTOM = 90, 960, 34, 462
SIDES = ((False, -10.0), (True, -10.0), (False, 18.0), (True, 18.0), (False, -26.0), (True, -26.0), (False, 34.0))
"""Where a label may stand: left of its point or right of it, and how far below."""
LETTER = 7.4
"""Width of a letter of a label."""
FALLBACK = "p95(ttft_ms)"
"""Against which latency is drawn where no candidate has a cost."""


def scatter(matrix: Matrix) -> dict[str, Any] | None:
    """Give the picture's geometry; None when no candidate has both figures."""
    across = CHEAPEST if any(_known(one, CHEAPEST) for one in matrix.candidates) else FALLBACK
    drawn = [(i, one) for i, one in enumerate(matrix.candidates) if _known(one, across) and _known(one, FASTEST)]
    if not drawn:
        return None
    x = axis([v for _, one in drawn for v in _bounds(one, across)], LEFT, RIGHT, log=True)
    y = axis([v for _, one in drawn for v in _bounds(one, FASTEST)], BOTTOM, TOP, log=True)
    points = [_point(index, one, across, x, y) for index, one in drawn]
    _part_labels(points)
    names = (words(across), words(FASTEST))
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": RIGHT,
        "top": TOP,
        "bottom": BOTTOM,
        "title": f"{names[1]} against {names[0][0].lower()}{names[0][1:]}",
        "x_label": f"{names[0]}, logarithmic",
        "y_label": f"{names[1]}, logarithmic",
        "x_ticks": [{"at": x.at(v), "text": _text(v, across)} for v in x.marks()],
        "y_ticks": [{"at": y.at(v), "text": _text(v, FASTEST)} for v in y.marks()],
        "points": points,
        "front": _front([one for _, one in drawn], across, x, y),
        "limits": list(_limits(matrix, across, x, y)),
        "words": "; ".join(point["title"] for point in points),
    }


def words(subject: str) -> str:
    """Write what a subject is: `p95 response time`, `Cost per 1,000 responses`."""
    quantile, _, metric = subject.rstrip(")").rpartition("(")
    label = figures.label(metric)
    return f"{quantile} {label.lower()}" if quantile else label


def unit(subject: str) -> Unit:
    """Give a subject's unit, which ends its name."""
    return unit_of(subject.rstrip(")").rpartition("(")[2])


def _known(candidate: Candidate, subject: str) -> bool:
    figure = candidate.figures.get(subject)
    return isinstance(figure, Estimate) and figure.value > 0


def _bounds(candidate: Candidate, subject: str) -> list[float]:
    figure = candidate.figures[subject]
    assert isinstance(figure, Estimate)
    low, high = figure.low, figure.high
    return [figure.value, figure.value if not low or low <= 0 else low, figure.value if high is None else high]


def _text(value: float, subject: str) -> str:
    return figures.limit_text(value, unit(subject))


def _point(index: int, one: Candidate, across: str, x: Axis, y: Axis) -> dict[str, Any]:
    (x_value, x_low, x_high), (y_value, y_low, y_high) = _bounds(one, across), _bounds(one, FASTEST)
    at = x.at(x_value)
    said = [f"{words(name)} {figures.figure_text(one.figures[name], unit(name))}" for name in (FASTEST, across)]
    return {
        "name": clean(one.name),
        "colour": index % 6,
        "eligible": one.eligible,
        "x": at,
        "x_low": x.at(x_low),
        "x_high": x.at(x_high),
        "y": y.at(y_value),
        "y_low": y.at(y_low),
        "y_high": y.at(y_high),
        "title": clean(f"{one.name}: {', '.join(said)}"),
    }


def _part_labels(points: list[dict[str, Any]]) -> None:
    """Put each label beside its point, on the first side where it lies on no dot and no other label."""
    taken = [(point["x"] - 5, point["y"] - 5, point["x"] + 5, point["y"] + 5) for point in points]
    for point in sorted(points, key=lambda point: (point["y"], point["x"])):
        boxes = [(side, _box(point, *side)) for side in SIDES]
        side, box = next((found for found in boxes if _is_free(found[1], taken)), boxes[0])
        taken.append(box)
        left, dy = side
        point |= {
            "label_x": round(point["x"] + (-12 if left else 12), 1),
            "label_y": round(point["y"] + dy, 1),
            "anchor": "end" if left else "start",
        }


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _box(point: dict[str, Any], left: bool, dy: float) -> Box:  # noqa: FBT001 - a side
    width = LETTER * len(point["name"])
    start = point["x"] - 12 - width if left else point["x"] + 12
    return (start, point["y"] + dy - 12, start + width, point["y"] + dy + 3)


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    if box[0] < LEFT or box[2] > WIDTH:
        return False
    return all(box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1] for other in taken)


def _front(candidates: Sequence[Candidate], across: str, x: Axis, y: Axis) -> str:
    """Give the line through those that are more likely than not on the front."""
    on = [one for one in candidates if (one.on_front or 0.0) > 0.5]
    places = sorted((x.at(_bounds(one, across)[0]), y.at(_bounds(one, FASTEST)[0])) for one in on)
    return " ".join(f"{a},{b}" for a, b in places) if len(places) > 1 else ""


def _limits(matrix: Matrix, across: str, x: Axis, y: Axis) -> Iterator[dict[str, Any]]:
    """Give the limits on the two drawn figures, where they lie within the picture."""
    lines = dict.fromkeys(line.line for one in matrix.candidates for line in one.limits)
    for text in lines:
        slo = parse_slo(text)
        if slo.subject == FASTEST and y.low < slo.limit < y.high:
            at = y.at(slo.limit)
            yield {"x1": LEFT, "x2": RIGHT, "y1": at, "y2": at, "tx": RIGHT - 4, "ty": at - 6, "text": clean(text)}
        if slo.subject == across and x.low < slo.limit < x.high:
            at = x.at(slo.limit)
            yield {"x1": at, "x2": at, "y1": TOP, "y2": BOTTOM, "tx": at - 6, "ty": TOP + 12, "text": clean(text)}
