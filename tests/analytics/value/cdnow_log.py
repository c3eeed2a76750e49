"""The CDNOW purchase logs of Fader and Hardie, read from the folder of shared data, and their statistics at the end of a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "cdnow"
CALIBRATION_END = date(1997, 9, 30)
HOLD_OUT_WEEKS = 39.0
COLUMNS = {"CDNOW_sample.txt": (1, 2, 4), "CDNOW_master.txt": (0, 1, 3)}


@dataclass(frozen=True, slots=True)
class PurchaseDays:
    """One row per customer and day, ordered by both: same-day rows are merged, their amounts (dollars) added up."""

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    amount: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per customer: x, t_x and T in days, mean spend of the repeat days, and the purchase days after the window."""

    x: NDArray[np.int64]
    t_x: NDArray[np.int64]
    age: NDArray[np.int64]
    mean_spend: NDArray[np.float64]
    later: NDArray[np.int64]


def read(name: str) -> PurchaseDays:
    """The purchase days of `CDNOW_sample.txt` or `CDNOW_master.txt`; a header line is passed over."""
    lines = (FOLDER / name).read_text().splitlines()
    fields = [line.split() for line in lines if line.split() and line.split()[0].isdigit()]
    who, when, paid = COLUMNS[name]
    customer = np.array([int(row[who]) for row in fields])
    day = np.array([date.fromisoformat(row[when]).toordinal() for row in fields])
    keys, position = np.unique(customer * 10_000_000 + day, return_inverse=True)
    amount = np.bincount(position, [float(row[paid]) for row in fields]).astype(np.float64)
    return PurchaseDays(keys // 10_000_000, keys % 10_000_000, amount)


def calibrate(log: PurchaseDays, end: date = CALIBRATION_END) -> Calibration:
    """The statistics of every customer who had bought by `end`."""
    seen = log.day <= end.toordinal()
    customer, day, amount = log.customer[seen], log.day[seen], log.amount[seen]
    ids, first, count = np.unique(customer, return_index=True, return_counts=True)
    x = count - 1
    spent = np.add.reduceat(amount, first) - amount[first]
    later = np.bincount(np.searchsorted(ids, log.customer[~seen & np.isin(log.customer, ids)]), minlength=len(ids))
    last = day[first + count - 1]
    return Calibration(x, last - day[first], end.toordinal() - day[first], spent / np.maximum(x, 1), later)
