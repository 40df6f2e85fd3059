"""Drawing of one face from back to front, in CelebA geometry: body, head, features, accessories."""

import numpy as np
from PIL import Image

from facedge.demo.canvas import (
    BLACK,
    CENTRE_X,
    CROWN_Y,
    EYE_Y,
    WHITE,
    Canvas,
    Points,
    arc,
    blend,
    ellipse,
    lens,
    points,
)
from facedge.demo.hair import hair_behind, hair_in_front, mustache
from facedge.demo.people import Colour, Person, Shot

LIPSTICK: Colour = (196, 40, 52)
WIDEST_Y = 118.0
SIDES = (-1.0, 1.0)


def render_face(person: Person, shot: Shot) -> Image.Image:
    """The 178x218 RGB picture of `person` in `shot`."""
    canvas = Canvas(shot)
    _body(canvas, person, shot)
    if person.long_hair and not person.bald:
        hair_behind(canvas, person)
    _ears(canvas, person, shot)
    _head(canvas, person)
    _beard(canvas, person, shot)
    _skin_details(canvas, person, shot)
    for side in SIDES:
        _eye(canvas, person, shot, side)
        _brow(canvas, person, side)
    _nose(canvas, person)
    _mouth(canvas, person, shot)
    if shot.beard in ("mustache", "full", "goatee"):
        mustache(canvas, person)
    if not person.bald:
        hair_in_front(canvas, person, shot)
    if "Eyeglasses" in shot.worn:
        _glasses(canvas, person)
    if "Wearing_Hat" in shot.worn:
        _hat(canvas, person, shot)
    return canvas.photograph(shot)


def _outline(person: Person, grow: float = 0.0) -> Points:
    """The head's contour: an upper half ellipse, and a lower half that narrows to the jaw."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    across, down = np.cos(angle), np.sin(angle)
    lower = np.maximum(down, 0.0)
    width = (person.cheek + grow) * (1 - (1 - person.jaw) * lower**1.5) * np.where(down > 0, (1 - lower**4) ** 0.12, 1)
    height = np.where(down > 0, person.chin - WIDEST_Y, WIDEST_Y - CROWN_Y)
    return np.stack([CENTRE_X + across * width, WIDEST_Y + down * (height + grow)], axis=1)


def _body(canvas: Canvas, person: Person, shot: Shot) -> None:
    shade = blend(person.skin, BLACK, 0.22)
    neck = person.cheek * (0.72 if person.male else 0.58)
    x, base = CENTRE_X, person.chin + 16
    canvas.fill(
        points(
            (x - 88, 240), (x - 62, base + 6), (x - neck, base), (x + neck, base), (x + 62, base + 6), (x + 88, 240)
        ),
        shot.cloth,
        -14,
    )
    canvas.fill(
        points((x - neck, 140), (x + neck, 140), (x + neck, base + 4), (x, base + 16), (x - neck, base + 4)), shade, -10
    )
    if "Wearing_Necktie" in shot.worn:
        canvas.fill(
            points((x - neck, base), (x, base + 18), (x + neck, base), (x + neck + 6, 240), (x - neck - 6, 240)),
            WHITE,
            -8,
        )
        canvas.fill(points((x - 5, base + 9), (x + 5, base + 9), (x + 9, 240), (x - 9, 240)), shot.accent, -6)
    if "Wearing_Necklace" in shot.worn:
        canvas.stroke(arc(x - neck, base - 6, x + neck, base - 6, 14), (222, 190, 96), 2.2, -6)
    if person.double_chin:
        canvas.fill(
            ellipse(x, person.chin + 2, person.cheek * person.jaw * 0.8, 9), blend(person.skin, BLACK, 0.10), -4
        )
        canvas.stroke(arc(x - 24, person.chin + 3, x + 24, person.chin + 3, 7), blend(person.skin, BLACK, 0.4), 1.6, -3)


def _ears(canvas: Canvas, person: Person, shot: Shot) -> None:
    for side in SIDES:
        x = CENTRE_X + side * (person.cheek + 1)
        if not person.long_hair or person.bald:
            canvas.fill(ellipse(x, 119, 5.5, person.ear), blend(person.skin, BLACK, 0.08), -8)
            canvas.fill(ellipse(x, 119, 2.5, person.ear * 0.6), blend(person.skin, BLACK, 0.25), -8)
        if "Wearing_Earrings" in shot.worn:
            canvas.ring(ellipse(x + side, 119 + person.ear + 6, 4.2, 6, 14), (238, 206, 96), 2, -6)


def _head(canvas: Canvas, person: Person) -> None:
    canvas.fill(_outline(person, grow=0.7), blend(person.skin, BLACK, 0.3), -5)
    canvas.fill(_outline(person), person.skin, -4)
    forehead = ellipse(CENTRE_X, 88, person.cheek * 0.6, 14)
    canvas.fill(forehead, blend(person.skin, WHITE, 0.10), 2)


def _jaw(person: Person, grow: float) -> Points:
    """The lower face: from the cheeks down along the jaw, the upper edge curved below the mouth."""
    contour = _outline(person, grow=grow)
    below = contour[contour[:, 1] > 132]  # right cheek, chin, left cheek
    (x0, y0), (x1, y1) = below[-1], below[0]
    return np.concatenate([below, arc(x0, y0, x1, y1, 12)])


def _beard(canvas: Canvas, person: Person, shot: Shot) -> None:
    shadow = blend(person.hair, BLACK, 0.2)
    if shot.beard == "stubble":
        canvas.fill(_jaw(person, grow=-1), blend(person.skin, blend(shadow, (60, 64, 76), 0.5), 0.32), -3)
    elif shot.beard == "full":
        canvas.fill(_jaw(person, grow=1.5), shadow, -3)
    elif shot.beard == "goatee":
        canvas.fill(ellipse(CENTRE_X, person.chin - 8, 12, 13), shadow, 4)
    if person.sideburns and shot.beard != "none":
        for side in SIDES:
            x = CENTRE_X + side * person.cheek
            canvas.fill(points((x, 92), (x - side * 8, 92), (x - side * 7, 142), (x - side * 1.5, 142)), shadow, -4)


def _skin_details(canvas: Canvas, person: Person, shot: Shot) -> None:
    dark = blend(person.skin, BLACK, 0.32)
    for side in SIDES:
        x = CENTRE_X + side * person.eye_gap * 1.35
        if "Rosy_Cheeks" in shot.worn or "Heavy_Makeup" in shot.worn:
            share = 0.42 if "Rosy_Cheeks" in shot.worn else 0.2
            canvas.fill(ellipse(x, 136, 10.5, 7), blend(person.skin, (232, 66, 84), share), 2)
        if person.cheekbones:
            canvas.stroke(arc(x + side * 12, 130, x - side * 3, 142, 2), dark, 1.8, 2)
            canvas.fill(ellipse(x + side * 3, 129, 7, 3), blend(person.skin, WHITE, 0.28), 3)
        if person.bags:
            eye = CENTRE_X + side * person.eye_gap
            canvas.stroke(arc(eye - 8, EYE_Y + 6.5, eye + 8, EYE_Y + 6.5, 4), dark, 2, 2)
        if not person.young:
            canvas.stroke(arc(CENTRE_X + side * 11, 139, CENTRE_X + side * 21, 156, -1.5), dark, 1.6, 3)
    if not person.young:
        for y in (84.0, 91.0):
            canvas.stroke(arc(CENTRE_X - 24, y, CENTRE_X + 24, y, -2), blend(person.skin, BLACK, 0.22), 1.2, 2)
    if person.mole:
        canvas.fill(ellipse(CENTRE_X + person.mole[0], person.mole[1], 1.7, 1.7, 8), (62, 38, 30), 3)
    for index in range(person.freckles):
        x = CENTRE_X + (8 + (index * 37 % 24)) * (-1 if index % 2 else 1)
        canvas.fill(ellipse(x, 124 + index * 53 % 15, 0.9, 0.9, 6), dark, 4)


def _eye(canvas: Canvas, person: Person, shot: Shot, side: float) -> None:
    x, wide = CENTRE_X + side * person.eye_gap, person.eye_width
    high, tilt = person.eye_height * shot.lids, person.eye_tilt * wide
    squint = high * (0.8 if shot.smile > 0.4 else 1.0)
    left = (x - wide, EYE_Y + side * tilt)
    right = (x + wide, EYE_Y - side * tilt)
    upper, lower = arc(*left, *right, -high), arc(*left, *right, squint * 0.8)
    if "Heavy_Makeup" in shot.worn:
        canvas.fill(lens(arc(*left, *right, -high - 6), lower), blend(shot.accent, (90, 50, 110), 0.5), 4)
    canvas.fill(lens(upper, lower), (240, 238, 236), 4)
    radius = min(high * 1.05, wide * 0.55)
    pupil = x + shot.gaze
    canvas.fill(ellipse(pupil, EYE_Y - 0.4, radius, radius, 14), person.iris, 5)
    canvas.fill(ellipse(pupil, EYE_Y - 0.4, radius * 0.5, radius * 0.5, 10), BLACK, 5)
    canvas.fill(ellipse(pupil - 1.2, EYE_Y - 1.6, 0.8, 0.8, 6), WHITE, 6)
    lash = 2.6 if "Heavy_Makeup" in shot.worn else 1.3
    canvas.stroke(upper, blend(person.skin, BLACK, 0.8), lash, 5)
    canvas.stroke(lower, blend(person.skin, BLACK, 0.45), 0.7, 5)


def _brow(canvas: Canvas, person: Person, side: float) -> None:
    inner, outer = CENTRE_X + side * (person.eye_gap - 9), CENTRE_X + side * (person.eye_gap + 11)
    y = EYE_Y - person.brow_lift
    low, high = y - person.brow_tilt * 10, y + person.brow_tilt * 10
    upper = arc(inner, low, outer, high, -person.brow_arch)
    lower = arc(inner, low + person.brow_thickness, outer, high + 0.8, -person.brow_arch)
    canvas.fill(lens(upper, lower), blend(person.hair, BLACK, 0.35), 5)


def _nose(canvas: Canvas, person: Person) -> None:
    shade, glow = blend(person.skin, BLACK, 0.28), blend(person.skin, WHITE, 0.22)
    x, tip, wide = CENTRE_X - 0.6, person.nose_tip, person.nose_width
    if person.pointy_nose:
        canvas.fill(
            points((x - wide, tip), (x, tip + 7), (x + wide, tip), (x, tip - 16)), blend(person.skin, BLACK, 0.14), 8
        )
    else:
        canvas.fill(ellipse(x, tip, wide, 5.5), blend(person.skin, BLACK, 0.14), 8)
    canvas.stroke(arc(x - 3.5, 106, x - 4, tip - 3, 0), shade, 1.2, 6)
    canvas.stroke(points((x, 104), (x, tip - 4)), glow, 2.6, 10)
    canvas.fill(ellipse(x, tip - 2, wide * 0.38, 2.8, 12), glow, 12)
    for side in SIDES:
        canvas.fill(
            ellipse(x + side * wide * 0.5, tip + 2.6, wide * 0.2 + 0.6, 1.6, 10), blend(person.skin, BLACK, 0.72), 9
        )
        canvas.stroke(arc(x + side * wide, tip - 3, x + side * wide * 0.75, tip + 3.5, 1), shade, 1.3, 8)


def _mouth(canvas: Canvas, person: Person, shot: Shot) -> None:
    """Lips whose corners rise with the smile; an open mouth is a dark gap with teeth."""
    lips = blend(person.skin, (176, 72, 74), 0.55)
    if "Wearing_Lipstick" in shot.worn:
        lips = blend(LIPSTICK, shot.accent, 0.3)
    wide = person.mouth_width * (1 + 0.16 * shot.smile)
    y, gap, lift = person.mouth_y, shot.mouth_open, 5.5 * shot.smile
    left, right = (CENTRE_X - wide, y - lift), (CENTRE_X + wide, y - lift)
    top = arc(*left, *right, lift - person.lip * 0.9)
    upper = arc(*left, *right, lift - gap * 0.25)
    lower = arc(*left, *right, lift + gap * 0.85)
    bottom = arc(*left, *right, lift + gap * 0.85 + person.lip * 1.15)
    canvas.fill(lens(top, upper), blend(lips, BLACK, 0.14), 5)
    canvas.fill(lens(lower, bottom), lips, 5)
    if gap:
        canvas.fill(lens(upper, lower), (58, 16, 20), 4)
        canvas.fill(lens(upper, arc(*left, *right, lift + gap * 0.25)), (244, 240, 230), 5)
    canvas.stroke(upper, blend(lips, BLACK, 0.55), 0.9, 5)
    if shot.smile > 0.4:
        for side in SIDES:
            corner = CENTRE_X + side * (wide + 5.5)
            canvas.stroke(arc(corner, y - lift - 7, corner, y + 2, 0), blend(person.skin, BLACK, 0.3), 1.4, 4)


def _glasses(canvas: Canvas, person: Person) -> None:
    colour: Colour = ((24, 22, 24), (92, 54, 30), (46, 46, 60), (120, 24, 30))[person.glasses_style]
    wide, high = (15.5, 11.5) if person.glasses_style % 2 else (16.5, 9.5)
    for side in SIDES:
        x = CENTRE_X + side * max(person.eye_gap, wide + 1.5)
        rim = ellipse(x, EYE_Y + 1, wide, high, 20)
        if person.glasses_style >= 2:  # squarer rims
            rim = np.clip(rim, (x - wide * 0.9, EYE_Y + 1 - high * 0.8), (x + wide * 0.9, EYE_Y + 1 + high * 0.8))
        canvas.ring(rim, colour, 2.4, 7)
        canvas.stroke(
            points((x + side * wide * 0.9, EYE_Y - 2), (CENTRE_X + side * (person.cheek + 2), EYE_Y - 4)), colour, 2, 1
        )
        canvas.stroke(points((x - 6, EYE_Y - 4), (x - 1, EYE_Y - 7)), (246, 250, 252), 1, 8)
    canvas.stroke(arc(CENTRE_X - 5, EYE_Y - 2, CENTRE_X + 5, EYE_Y - 2, -2), colour, 2.2, 9)


def _hat(canvas: Canvas, person: Person, shot: Shot) -> None:
    reach = person.cheek + 7
    dome = ellipse(CENTRE_X, 82, reach, 72, 30)
    dome[:, 1] = np.minimum(dome[:, 1], 84)
    canvas.fill(dome, shot.accent, 0)
    band = points((CENTRE_X - reach, 68), (CENTRE_X + reach, 68), (CENTRE_X + reach, 79), (CENTRE_X - reach, 79))
    canvas.fill(band, blend(shot.accent, BLACK, 0.45), 1)
    brim = reach + (16 if person.glasses_style % 2 else 4)
    canvas.fill(ellipse(CENTRE_X, 84, brim, 7, 24), blend(shot.accent, BLACK, 0.25), 6)
