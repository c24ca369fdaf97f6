# SPDX-License-Identifier: Apache-2.0
"""Pictures as inline SVG: shapes, escaped text, axes. Colours come from the page's classes."""
import math
from html import escape


def number(value):
    """A coordinate, short."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Picture:
    """Collects shapes; str() is the <svg> element. It scales with the page's width."""

    def __init__(self, width, height, label):
        self.width, self.height, self.label = width, height, label
        self._parts = []

    def __str__(self):
        return (f'<svg viewBox="0 0 {number(self.width)} {number(self.height)}" role="img" '
                f'aria-label="{escape(self.label)}">' + "".join(self._parts) + "</svg>")

    def _add(self, name, kind, tip, inner="", **attributes):
        words = "".join(f' {key.replace("_", "-")}="{number(value)}"'
                        if isinstance(value, (int, float)) else f' {key}="{escape(value)}"'
                        for key, value in attributes.items())
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self._parts.append(f'<{name} class="{kind}"{words}>{title}{inner}</{name}>')

    def box(self, x, y, width, height, kind, tip=None):
        """A rectangle; one without width is left out."""
        if width > 0 and height > 0:
            self._add("rect", kind, tip, x=x, y=y, width=width, height=height)

    def line(self, x1, y1, x2, y2, kind, tip=None):
        """A straight line."""
        self._add("line", kind, tip, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(self, points, kind, close=False, tip=None):
        """Straight lines through points."""
        words = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
        self._add("path", kind, tip, d=words + ("Z" if close else ""))

    def dot(self, x, y, radius, kind, tip=None):
        """A circle."""
        self._add("circle", kind, tip, cx=x, cy=y, r=radius)

    def text(self, x, y, text, kind="", tip=None):
        """Text on a baseline; classes `end` and `middle` say where x is."""
        self._add("text", kind, tip, escape(text), x=x, y=y)

    def marker(self, x, y, shape, kind, tip=None, radius=4.5):
        """One of four shapes: diamond, triangle, square, circle."""
        if shape % 4 == 3:
            self.dot(x, y, radius - 0.5, kind, tip)
            return
        corners = {0: ((0, -1.15), (1.15, 0), (0, 1.15), (-1.15, 0)),
                   1: ((0, -1.1), (1.1, 0.85), (-1.1, 0.85)),
                   2: ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))}[shape % 4]
        self.path([(x + dx * radius, y + dy * radius) for dx, dy in corners], kind, True, tip)


class LogAxis:
    """Maps [low, high] logarithmically to [left, right]; clamps what lies outside."""

    def __init__(self, low, high, left, right):
        self.low, self.high = low, max(high, low * 1.001)
        self.left, self.right = left, right

    def __call__(self, value):
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return self.left + share * (self.right - self.left)

    def ticks(self):
        """1, 2, 5, 10, ... as many as fit; whole decades only when there are many."""
        decades = math.log10(self.high / self.low)
        steps = (1, 2, 5) if decades < 3.2 else (1,)
        found = []
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            found += [step * 10.0 ** power for step in steps]
        return [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]
