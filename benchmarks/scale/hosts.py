"""How the web's images are spread over hosts: a Zipf-Mandelbrot law, fitted to what was counted of LAION-400M.

    python benchmarks/scale/hosts.py

Of n rows of LAION-400M's first part so many hosts are different (R. Beaumont in rom1504/img2dataset, issue 101), and
of all its rows (issue 43). The law's exponent, shift and number of hosts are those by which the expected numbers come
nearest: three figures from four, so the errors that are printed say how well it fits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COUNTED = {10_000: 4_622, 100_000: 30_898, 1_000_000: 186_972, 400_000_000: 5_000_000}  # rows to hosts

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """The host of rank k, from 1, has a share of the rows in proportion to (k + shift) ** -exponent."""

    exponent: float
    shift: float
    hosts: int

    def classes(self, alone: int = 1_000, classes: int = 4_000) -> tuple[Array, Array]:
        """Shares of the heaviest hosts and of classes of the others, each one host's; and how many hosts each has."""
        edges = np.unique(np.geomspace(alone, self.hosts + 1, classes).round())
        first = np.concatenate([np.arange(1, alone), edges[:-1]])
        count = np.diff(np.append(first, self.hosts + 1))
        low, high = first - 0.5 + self.shift, first - 0.5 + count + self.shift
        power = 1 - self.exponent
        weight = np.abs(high**power - low**power) / abs(power) / count
        return weight / (weight * count).sum(), count

    def distinct(self, rows: float) -> float:
        """How many hosts so many rows, drawn at random, are expected to have."""
        share, count = self.classes()
        return float(-(count * np.expm1(-rows * share)).sum())

    def ranks(self, u: Array) -> NDArray[np.int64]:
        """Ranks of hosts, from 1, of uniform numbers."""
        power, begin = 1 - self.exponent, 0.5 + self.shift
        end = begin + self.hosts
        found = (begin**power + u * (end**power - begin**power)) ** (1 / power)
        return (found - begin).astype(np.int64) + 1


LAION = Law(exponent=1.141, shift=6.19, hosts=5_210_000)  # what `main` finds


def main() -> None:
    """Fit the law, and print how well it does."""
    from scipy.optimize import least_squares

    def law(x: Array) -> Law:
        return Law(float(x[0]), float(np.exp(x[1])), int(np.exp(x[2])))

    def errors(x: Array) -> list[float]:
        return [np.log(law(x).distinct(rows) / hosts) for rows, hosts in COUNTED.items()]

    found = law(least_squares(errors, [1.1, 2.0, np.log(6e6)]).x)
    print(f"exponent {found.exponent:.3f}, shift {found.shift:.2f}, {found.hosts:,} hosts")
    for rows, hosts in COUNTED.items():
        print(f"{rows:>12,} rows  counted {hosts:>9,}  by the law {LAION.distinct(rows):>12,.0f}")
    share, _ = LAION.classes()
    print(f"of all rows the heaviest host has {share[0]:.2%}, the heaviest hundred {share[:100].sum():.1%}")


if __name__ == "__main__":
    main()
