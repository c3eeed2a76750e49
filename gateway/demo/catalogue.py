"""What the demo company sells and how its customers are called. Every name is invented, every address is at example.com."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """A thing on sale. `tier` 1 is the plain one, 3 the best; price and unit cost in cents."""

    sku: str
    name: str
    category: str
    product_line: str
    tier: int
    price_minor: int
    unit_cost_minor: int


def _family(prefix: str, name: str, category: str, *, product_line: str, prices: tuple[int, int, int], cost_share: float) -> list[Product]:
    return [
        Product(f"{prefix}-{tier}", f"{name} {grade}", category, product_line, tier, price, round(price * (cost_share - 0.04 * tier)))
        for tier, (grade, price) in enumerate(zip(("One", "Plus", "Prime"), prices, strict=True), 1)
    ]


PRODUCTS = [
    *_family("LMP", "Lumo Lamp", "Lamps", product_line="Home", prices=(2490, 5990, 12900), cost_share=0.62),
    *_family("SHD", "Vela Shade", "Lamps", product_line="Home", prices=(1490, 2990, 6490), cost_share=0.58),
    *_family("CHR", "Sora Chair", "Seats", product_line="Home", prices=(8900, 17900, 34900), cost_share=0.66),
    *_family("STL", "Tiro Stool", "Seats", product_line="Work", prices=(5900, 9900, 16900), cost_share=0.64),
    *_family("DSK", "Kanto Desk", "Tables", product_line="Work", prices=(19900, 39900, 74900), cost_share=0.70),
    *_family("BRD", "Mira Board", "Tables", product_line="Work", prices=(7900, 12900, 21900), cost_share=0.67),
    *_family("OIL", "Noto Care Oil", "Care", product_line="Home", prices=(990, 1690, 2490), cost_share=0.45),
    *_family("SRV", "Noto Check-up", "Care", product_line="Service", prices=(3900, 6900, 11900), cost_share=0.72),
]

GIVEN_STARTS = (
    "Al",
    "Bre",
    "Cal",
    "Dor",
    "El",
    "Fen",
    "Gis",
    "Hal",
    "Il",
    "Jor",
    "Kel",
    "Lor",
    "Mar",
    "Nel",
    "Or",
    "Per",
    "Ro",
    "Sel",
    "Tam",
    "Vel",
)
GIVEN_ENDS = ("a", "an", "e", "en", "ia", "ina", "io", "is", "o", "or", "ova", "us")
FAMILY_STARTS = (
    "Ambr",
    "Bel",
    "Cald",
    "Dun",
    "Ester",
    "Falk",
    "Grim",
    "Holl",
    "Iver",
    "Kest",
    "Lind",
    "Mol",
    "Nord",
    "Ost",
    "Pell",
    "Rav",
    "Sand",
    "Thor",
    "Ulm",
    "Wend",
)
FAMILY_ENDS = ("ane", "berg", "by", "dale", "eck", "feld", "gard", "holm", "in", "ov", "strand", "wick")
COMPANY_ENDS = ("Works", "Studios", "Logistics", "Clinics", "Foods", "Partners", "Hotels", "Tools")
COUNTRIES = (("DE", "de"), ("FR", "fr"), ("NL", "nl"), ("ES", "es"), ("PL", "pl"), ("SE", "sv"))
INDUSTRIES = ("manufacturing", "design", "transport", "health", "food", "consulting", "hospitality", "trade")
CHANNELS = ("shop", "web", "phone", "field")
