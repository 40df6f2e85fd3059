"""Drawing of hair: behind the head, over the forehead, and the mustache."""

import numpy as np

from facedge.demo.canvas import BLACK, CENTRE_X, CROWN_Y, EYE_Y, WHITE, Canvas, Points, arc, blend, lens, points
from facedge.demo.people import Person, Shot


def hair_behind(canvas: Canvas, person: Person) -> None:
    """Long hair falls beside the face to the shoulders; wavy hair has a wavy edge."""
    reach = person.cheek + person.hair_volume + 3
    y = np.linspace(52, 210, 24)
    crown = reach * np.sqrt(1 - np.clip((112 - y) / 68, 0, 1) ** 2)  # an ellipse along the skull
    ripple = 4.0 * np.sin(y / 5.0) if person.wavy else 3.0 * np.clip((y - 150) / 60, 0, 1) ** 2
    left = np.stack([CENTRE_X - crown - ripple, y], axis=1)
    right = np.stack([CENTRE_X + crown + ripple, y], axis=1)
    canvas.fill(np.concatenate([left, right[::-1]]), blend(person.hair, BLACK, 0.18), -16)
    for step in (0.25, 0.5, 0.75):
        strand = person.hair_volume * step
        canvas.stroke(left + np.array([strand, 0]), blend(person.hair, WHITE, 0.12), 1, -15)
        canvas.stroke(right - np.array([strand, 0]), blend(person.hair, WHITE, 0.12), 1, -15)


def hair_in_front(canvas: Canvas, person: Person, shot: Shot) -> None:
    """A filled cap from the crown to the hairline, then single strands."""
    reach, side_y = person.cheek + person.hair_volume * 0.45, 104.0 if person.long_hair else 98.0
    angle = np.linspace(np.pi, 2 * np.pi, 22)
    ripple = 1 + (0.035 * np.sin(angle * 22) if person.wavy else 0.0)
    top = np.stack(
        [
            CENTRE_X + np.cos(angle) * reach * ripple,
            side_y - np.sin(-angle) * (side_y - CROWN_Y + person.hair_volume) * ripple,
        ],
        axis=1,
    )
    line = _hairline(person, shot)
    canvas.fill(
        np.concatenate([points((CENTRE_X - reach, side_y)), top, points((CENTRE_X + reach, side_y)), line]),
        person.hair,
        -1,
    )
    tint = blend(person.hair, WHITE, 0.2 if person.hair_kind != "Black_Hair" else 0.13)
    origin = np.array([CENTRE_X + person.parting * 22, CROWN_Y + 2])
    for x, y in line[1:-1:2]:
        path = arc(origin[0], origin[1], x, y, -9, 10)
        if person.wavy:
            path[:, 0] += 3 * np.sin(path[:, 1] / 3.5)
        canvas.stroke(path, tint, 1, 0)


def _hairline(person: Person, shot: Shot) -> Points:
    """(13, 2) points of the hairline, right to left along the forehead."""
    inside = person.cheek - 3
    across = np.linspace(1, -1, 13)
    side_y = 104.0 if person.long_hair else 98.0
    if "Bangs" in shot.worn:
        y = np.full(13, EYE_Y - person.brow_lift - 4) + np.where(np.arange(13) % 2, 3.5, -1.5)
    elif person.receding:
        y = person.hairline - 14 - 16 * np.sin(np.abs(across) * np.pi) + 3
        y = np.maximum(y, CROWN_Y + 3)
    else:
        y = person.hairline - 8 * np.exp(-(((across - person.parting) / 0.22) ** 2))
    y = np.where(np.abs(across) > 0.93, side_y, y + (side_y - person.hairline) * np.abs(across) ** 6 * 0.7)
    return np.stack([CENTRE_X + across * inside, y], axis=1)


def mustache(canvas: Canvas, person: Person) -> None:
    """A mustache over the upper lip."""
    y = person.mouth_y - 4.5 - person.lip * 0.6
    wide = person.mouth_width * 0.92
    upper = arc(CENTRE_X - wide, y + 4, CENTRE_X + wide, y + 4, -6.5)
    canvas.fill(
        lens(upper, arc(CENTRE_X - wide, y + 4, CENTRE_X + wide, y + 4, 0.5)), blend(person.hair, BLACK, 0.2), 7
    )
