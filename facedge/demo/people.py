"""Random parameters of the drawn faces: a person (fixed per identity), a shot (new for every photo), their attributes.

All lengths are pixels of the 178x218 frame. Everything is sampled from a numpy Generator: one seed, one person.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from facedge.dataset.attribute_names import ATTRIBUTE_NAMES

Colour = tuple[int, int, int]

SKIN: Final[tuple[Colour, ...]] = ((250, 222, 204), (234, 192, 164), (212, 162, 128), (172, 120, 86), (116, 78, 56))
HAIR: Final[dict[str, Colour]] = {
    "Black_Hair": (34, 30, 32),
    "Brown_Hair": (104, 68, 42),
    "Blond_Hair": (218, 182, 112),
    "Gray_Hair": (172, 172, 176),
    "red": (158, 72, 34),  # CelebA has no column for red hair: all four stay at -1
}
IRIS: Final[tuple[Colour, ...]] = ((70, 42, 24), (44, 30, 22), (86, 118, 150), (92, 112, 70), (120, 124, 128))
BEARDS: Final = ("none", "stubble", "goatee", "mustache", "full")


@dataclass(frozen=True)
class Person:
    """The parameters of an identity: geometry, colours, and how often each accessory is worn."""

    male: bool
    young: bool
    skin: Colour
    pale: bool
    hair_kind: str
    hair: Colour
    wavy: bool
    long_hair: bool
    hair_volume: float
    bald: bool
    receding: bool
    hairline: float  # y of the hairline
    parting: float  # -1 (left) to 1 (right)
    cheek: float  # half-width of the face at the cheeks
    jaw: float  # width of the jaw over the width of the cheeks
    chin: float  # y of the chin
    eye_gap: float  # half the distance between the eyes
    eye_width: float
    eye_height: float
    eye_tilt: float
    iris: Colour
    brow_thickness: float
    brow_arch: float
    brow_lift: float
    brow_tilt: float
    nose_width: float
    nose_tip: float  # y of the tip
    pointy_nose: bool
    mouth_width: float
    mouth_y: float
    lip: float  # thickness
    ear: float
    bags: bool
    double_chin: bool
    cheekbones: bool
    freckles: int
    mole: tuple[float, float] | None
    beard: str
    sideburns: bool
    glasses_style: int
    wears: dict[str, float]  # accessory or expression -> probability in one shot


@dataclass(frozen=True)
class Shot:
    """The parameters of one photo of a person."""

    worn: frozenset[str]  # accessories and expressions, by attribute name
    beard: str
    smile: float  # -0.3 to 1; 0 is a neutral mouth
    mouth_open: float  # pixels between the lips
    lids: float  # 1 is open eyes
    gaze: float
    yaw: float  # radians
    roll: float
    scale: float
    shift: tuple[float, float]
    light: tuple[float, float, float]  # gain, slope along x, slope along y
    blur: float
    noise: float
    quality: int  # JPEG
    cloth: Colour
    accent: Colour
    scenery: int  # seed of the background


def _tone(rng: np.random.Generator, base: Colour, spread: float) -> Colour:
    """`base` with random lightness and hue."""
    values = np.asarray(base) * rng.normal(1.0, spread) + rng.normal(0.0, 100 * spread / 3, 3)
    red, green, blue = (int(v) for v in np.clip(values, 4, 251))
    return red, green, blue


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _hair_kind(rng: np.random.Generator, young: bool) -> str:
    shares = (0.30, 0.30, 0.26, 0.04, 0.10) if young else (0.17, 0.20, 0.13, 0.45, 0.05)
    return list(HAIR)[int(rng.choice(5, p=shares))]


def _habits(rng: np.random.Generator, male: bool, young: bool) -> dict[str, float]:
    """Probability of each accessory in one shot: some people nearly always wear glasses, most rarely do."""
    groomed = 0.0 if male else (0.9 if _chance(rng, 0.6) else 0.15)
    return {
        "Eyeglasses": 0.92 if _chance(rng, 0.14 if young else 0.30) else 0.06,
        "Wearing_Hat": 0.35 if _chance(rng, 0.15) else 0.05,
        "Wearing_Lipstick": groomed,
        "Heavy_Makeup": 0.8 * groomed if _chance(rng, 0.6) else 0.05 * groomed,
        "Rosy_Cheeks": 0.8 if _chance(rng, 0.08 if male else 0.3) else 0.05,
        "Wearing_Earrings": 0.0 if male else (0.8 if _chance(rng, 0.4) else 0.1),
        "Wearing_Necklace": 0.04 if male else 0.25,
        "Wearing_Necktie": 0.3 if male else 0.01,
        "Bangs": 0.85 if _chance(rng, 0.08 if male else 0.35) else 0.05,
        "Smiling": _between(rng, 0.2, 0.8),
    }


def draw_person(rng: np.random.Generator) -> Person:
    """A new identity."""
    male, young = _chance(rng, 0.45), _chance(rng, 0.75)
    tone = int(rng.choice(5, p=(0.16, 0.34, 0.25, 0.15, 0.10)))
    kind = _hair_kind(rng, young)
    bald = male and _chance(rng, 0.10 if young else 0.22)
    chubby = _chance(rng, 0.2)
    beard = BEARDS[int(rng.choice(5, p=(0.45, 0.2, 0.12, 0.11, 0.12)))] if male else "none"
    return Person(
        male=male,
        young=young,
        skin=_tone(rng, SKIN[tone], 0.03),
        pale=tone == 0,
        hair_kind=kind,
        hair=_tone(rng, HAIR[kind], 0.08),
        wavy=_chance(rng, 0.4),
        long_hair=_chance(rng, 0.12 if male else 0.85),
        hair_volume=_between(rng, 4, 13),
        bald=bald,
        receding=not bald and _chance(rng, 0.18 if male else 0.04),
        hairline=_between(rng, 66, 80),
        parting=_between(rng, -1, 1),
        cheek=_between(rng, 51, 57) if chubby else _between(rng, 42, 50),
        jaw=_between(rng, 0.60, 0.85) + (0.08 if male else 0.0),
        chin=_between(rng, 174, 188) + (2 if male else -2),
        eye_gap=_between(rng, 17.5, 22),
        eye_width=_between(rng, 8, 11.5),
        eye_height=_between(rng, 2.4, 6.4),
        eye_tilt=_between(rng, -0.14, 0.18),
        iris=_tone(rng, IRIS[int(rng.integers(len(IRIS)))], 0.1),
        brow_thickness=_between(rng, 1.2, 4.6) + (0.5 if male else -0.2),
        brow_arch=_between(rng, 0.5, 5.5),
        brow_lift=_between(rng, 10, 15),
        brow_tilt=_between(rng, -0.16, 0.16),
        nose_width=_between(rng, 6, 14),
        nose_tip=_between(rng, 130, 139),
        pointy_nose=_chance(rng, 0.3),
        mouth_width=_between(rng, 14, 20),
        mouth_y=_between(rng, 149, 156),
        lip=_between(rng, 2.2, 6.4),
        ear=_between(rng, 7, 12),
        bags=_chance(rng, 0.12 if young else 0.45),
        double_chin=chubby and _chance(rng, 0.45),
        cheekbones=_chance(rng, 0.4),
        freckles=int(rng.integers(8, 20)) if _chance(rng, 0.08) else 0,
        mole=(_between(rng, -32, 32), _between(rng, 122, 164)) if _chance(rng, 0.2) else None,
        beard=beard,
        sideburns=male and (beard == "full" or _chance(rng, 0.12)),
        glasses_style=int(rng.integers(4)),
        wears=_habits(rng, male, young),
    )


def draw_shot(rng: np.random.Generator, person: Person) -> Shot:
    """A new photo of `person`."""
    worn = {name for name, chance in person.wears.items() if rng.random() < chance}
    if person.bald or "Wearing_Hat" in worn:
        worn.discard("Bangs")
    if "Heavy_Makeup" in worn:
        worn.add("Wearing_Lipstick")
    smiling = "Smiling" in worn
    beard = person.beard
    if beard != "none" and _chance(rng, 0.12):  # shaved in this shot
        beard = "stubble" if beard != "stubble" else "none"
    blurry = _chance(rng, 0.06)
    return Shot(
        worn=frozenset(worn),
        beard=beard,
        smile=_between(rng, 0.55, 1.0) if smiling else _between(rng, -0.3, 0.12),
        mouth_open=_between(rng, 3.0, 9.0) if _chance(rng, 0.65 if smiling else 0.25) else 0.0,
        lids=_between(rng, 0.85, 1.1),
        gaze=_between(rng, -1.6, 1.6),
        yaw=float(np.clip(rng.normal(0, 0.16), -0.42, 0.42)),
        roll=float(rng.normal(0, 0.03)),
        scale=float(rng.normal(1.0, 0.02)),
        shift=(float(rng.normal(0, 1.2)), float(rng.normal(0, 1.2))),
        light=(_between(rng, 0.78, 1.12), _between(rng, -0.45, 0.45), _between(rng, -0.35, 0.15)),
        blur=_between(rng, 1.3, 2.0) if blurry else 0.0,
        noise=_between(rng, 1.0, 6.0),
        quality=int(rng.integers(72, 96)),
        cloth=_tone(rng, (120, 120, 120), 0.45),
        accent=_tone(rng, (150, 60, 70), 0.4),
        scenery=int(rng.integers(2**31)),
    )


def attributes_of(person: Person, shot: Shot) -> dict[str, bool]:
    """All 40 attributes. Each but `Attractive` (always false) is visible in the drawing."""
    hair_visible = not person.bald and "Wearing_Hat" not in shot.worn
    ratio = (person.chin - 66) / (2 * person.cheek)
    facts = {name: name in shot.worn for name in ATTRIBUTE_NAMES}
    facts |= {
        "5_o_Clock_Shadow": shot.beard == "stubble",
        "Arched_Eyebrows": person.brow_arch > 3.2,
        "Bags_Under_Eyes": person.bags,
        "Bald": person.bald,
        "Big_Lips": person.lip > 4.8,
        "Big_Nose": person.nose_width > 11,
        "Blurry": shot.blur > 0,
        "Bushy_Eyebrows": person.brow_thickness > 3.7,
        "Chubby": person.cheek > 50.5,
        "Double_Chin": person.double_chin,
        "Goatee": shot.beard == "goatee",
        "High_Cheekbones": person.cheekbones,
        "Male": person.male,
        "Mouth_Slightly_Open": shot.mouth_open > 0,
        "Mustache": shot.beard in ("mustache", "full"),
        "Narrow_Eyes": person.eye_height < 3.4,
        "No_Beard": shot.beard == "none",
        "Oval_Face": ratio > 1.22 and person.jaw < 0.76,
        "Pale_Skin": person.pale,
        "Pointy_Nose": person.pointy_nose,
        "Receding_Hairline": person.receding,
        "Sideburns": person.sideburns and shot.beard != "none",
        "Straight_Hair": hair_visible and not person.wavy,
        "Wavy_Hair": hair_visible and person.wavy,
        "Young": person.young,
    }
    for kind in ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair"):
        facts[kind] = person.hair_kind == kind and not person.bald
    return facts
