"""How each match looks: teams and kits, light, stands, camera; chosen by seed from lists made by hand."""

import random
from dataclasses import dataclass, replace

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Kit:
    shirt: Color
    trim: Color
    shorts: Color
    socks: Color
    pattern: str = "plain"
    helmet: Color | None = None


@dataclass(frozen=True)
class Team:
    name: str
    code: str
    kit: Kit


@dataclass(frozen=True)
class Light:
    """`ground` and `stand` multiply colours; `shadow` is how dark the stand's shadow on the pitch is (0: none)."""

    name: str
    ground: tuple[float, float, float]
    stand: tuple[float, float, float]
    shadow: float
    haze: Color
    haze_amount: float
    cast: tuple[float, float]
    cast_alpha: float
    rain: float = 0.0


@dataclass(frozen=True)
class Look:
    home: Team
    away: Team
    keepers: tuple[Kit, Kit]
    referee: Kit
    light: Light
    seats: Color
    grass: Color
    stripe_m: float
    stripe_contrast: float
    checker: bool
    patches: float
    camera_back_m: float
    camera_height_m: float
    focal: float
    tilt: float
    grain: float
    seed: str


WHITE, BLACK = (238, 240, 242), (26, 27, 32)

# Home and away are picked as pairs so that the two kits are told apart at a glance.
PAIRS: tuple[tuple[Team, Team], ...] = (
    (
        Team("Northgate", "NOR", Kit((190, 24, 40), WHITE, WHITE, (190, 24, 40))),
        Team("Harbour", "HAR", Kit(WHITE, (24, 42, 92), (24, 42, 92), WHITE)),
    ),
    (
        Team("Alderway", "ALD", Kit((28, 78, 176), WHITE, WHITE, (28, 78, 176), "stripes")),
        Team("Fennick", "FEN", Kit((244, 196, 36), BLACK, BLACK, (244, 196, 36))),
    ),
    (
        Team("Calder Vale", "CAL", Kit((118, 188, 232), WHITE, WHITE, (118, 188, 232))),
        Team("Ironmere", "IRO", Kit((32, 33, 40), (206, 42, 46), (32, 33, 40), (206, 42, 46))),
    ),
    (
        Team("Sankt Emil", "EMI", Kit((124, 26, 58), (118, 188, 232), WHITE, (124, 26, 58))),
        Team("Lindholm", "LIN", Kit((240, 242, 244), (236, 104, 30), (236, 104, 30), WHITE, "sash")),
    ),
    (
        Team("Westferry", "WES", Kit((236, 104, 30), BLACK, BLACK, (236, 104, 30))),
        Team("Oakhurst", "OAK", Kit((44, 46, 128), WHITE, (44, 46, 128), (44, 46, 128))),
    ),
    (
        Team("Porto Alto", "PAL", Kit((92, 44, 140), WHITE, WHITE, (92, 44, 140))),
        Team("Brackwater", "BRA", Kit((232, 60, 66), WHITE, (232, 60, 66), WHITE, "stripes")),
    ),
    (
        Team("Marlow Town", "MAR", Kit((24, 112, 88), WHITE, WHITE, (24, 112, 88))),
        Team("Castellan", "CAS", Kit((246, 226, 120), (20, 60, 120), (20, 60, 120), (246, 226, 120))),
    ),
    (
        Team("Ravensby", "RAV", Kit((34, 35, 44), WHITE, (34, 35, 44), (34, 35, 44), "stripes")),
        Team("Dunmore", "DUN", Kit((214, 40, 110), WHITE, WHITE, (214, 40, 110))),
    ),
)
KEEPERS = (Kit((70, 208, 120), BLACK, (40, 150, 84), (70, 208, 120)), Kit((250, 150, 60), BLACK, BLACK, (250, 150, 60)))
REFEREE = Kit((22, 22, 26), (250, 232, 60), (22, 22, 26), (22, 22, 26))

# The pitch is always lit better than the people around it.
LIGHTS = (
    Light("floodlit", (1.20, 1.22, 1.14), (0.34, 0.36, 0.44), 0.0, (40, 52, 78), 0.05, (0.25, 0.35), 0.30),
    Light("afternoon", (1.20, 1.17, 1.04), (0.58, 0.57, 0.55), 0.46, (206, 216, 226), 0.03, (-0.75, 0.35), 0.50),
    Light("overcast", (1.06, 1.12, 1.08), (0.50, 0.52, 0.56), 0.0, (188, 198, 206), 0.05, (0.05, 0.2), 0.26),
    Light("golden", (1.24, 1.14, 0.92), (0.60, 0.51, 0.42), 0.38, (240, 200, 150), 0.05, (1.25, 0.25), 0.42),
    Light("drizzle", (0.98, 1.06, 1.04), (0.38, 0.42, 0.48), 0.0, (150, 162, 176), 0.08, (0.1, 0.25), 0.28, 0.5),
)
SEATS: tuple[Color, ...] = ((150, 34, 40), (34, 70, 140), (52, 58, 70), (30, 110, 92), (196, 148, 40), (96, 98, 108))
GRASS: tuple[Color, ...] = ((66, 128, 48), (72, 134, 44), (56, 118, 50), (80, 134, 52), (62, 124, 40))


def match_look(index: int, seed: int) -> Look:
    """The look of match number `index`; two matches of one demo never share teams."""
    order = random.Random(f"{seed}/looks")  # noqa: S311  (footage, not secrets)
    pairs, lights = order.sample(PAIRS, len(PAIRS)), order.sample(LIGHTS, len(LIGHTS))
    seats = order.sample(SEATS, len(SEATS))
    home, away = pairs[index % len(pairs)]
    rng = random.Random(f"{seed}/look/{index}")  # noqa: S311  (footage, not secrets)
    return Look(
        home=home,
        away=away,
        keepers=KEEPERS,
        referee=REFEREE,
        light=lights[index % len(lights)],
        seats=seats[index % len(seats)],
        grass=rng.choice(GRASS),
        stripe_m=rng.choice((5.25, 7.0, 8.75)),
        stripe_contrast=rng.uniform(0.05, 0.11),
        checker=rng.random() < 0.3,
        patches=rng.uniform(0.8, 1.3),
        camera_back_m=rng.uniform(26.0, 38.0),
        camera_height_m=rng.uniform(13.0, 19.0),
        focal=rng.uniform(880.0, 1060.0),
        tilt=-0.27,
        grain=rng.uniform(1.2, 2.6),
        seed=f"{seed}/{index}",
    )


GRIDIRON_PAIRS: tuple[tuple[Team, Team], ...] = (
    (
        Team("Pioneers", "PIO", Kit((20, 40, 92), WHITE, (176, 182, 190), WHITE, helmet=(200, 206, 214))),
        Team("Condors", "CON", Kit((238, 240, 242), (170, 24, 34), WHITE, (170, 24, 34), helmet=(170, 24, 34))),
    ),
    (
        Team("Marshals", "MAR", Kit((36, 37, 42), (226, 170, 40), (226, 170, 40), (36, 37, 42), helmet=(226, 170, 40))),
        Team("Breakers", "BRK", Kit((240, 242, 244), (20, 120, 130), (20, 120, 130), WHITE, helmet=(238, 240, 242))),
    ),
)
GRIDIRON_REFEREE = Kit((232, 232, 232), BLACK, BLACK, BLACK, "stripes")


def gridiron_look(index: int, seed: int) -> Look:
    """The look of a stretch of American football: the same house, other game."""
    rng = random.Random(f"{seed}/gridiron/{index}")  # noqa: S311  (footage, not secrets)
    home, away = GRIDIRON_PAIRS[(seed + index) % len(GRIDIRON_PAIRS)]
    return Look(
        home=home,
        away=away,
        keepers=KEEPERS,
        referee=GRIDIRON_REFEREE,
        light=replace(rng.choice(LIGHTS[:3]), shadow=0.0),
        seats=rng.choice(SEATS),
        grass=rng.choice(GRASS),
        stripe_m=9.144,
        stripe_contrast=rng.uniform(0.01, 0.025),
        checker=False,
        patches=0.25,
        camera_back_m=rng.uniform(34.0, 42.0),
        camera_height_m=rng.uniform(46.0, 54.0),
        focal=rng.uniform(1100.0, 1200.0),
        tilt=-0.56,
        grain=rng.uniform(1.2, 2.4),
        seed=f"{seed}/gridiron/{index}",
    )
