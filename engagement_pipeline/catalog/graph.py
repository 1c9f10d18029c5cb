"""The order in which segments that name each other are computed, and the circles that forbid one.

Here: dependencies as names only. Not here: finding them in conditions (`lint`).
"""

from collections.abc import Collection, Mapping


def in_order(needs: Mapping[str, Collection[str]]) -> tuple[list[str], list[list[str]]]:
    """The names so that each stands after those it needs, else in the alphabet's order; and every circle
    found on the way as the names along it, from the first in the alphabet back to itself. Needs that
    are no keys are passed over."""
    order: list[str] = []
    done: set[str] = set()
    circles: set[tuple[str, ...]] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            circle = path[path.index(name) :]
            start = circle.index(min(circle))
            circles.add((*circle[start:], *circle[: start + 1]))
        elif name not in done:
            for needed in sorted(set(needs[name]) & needs.keys()):
                visit(needed, [*path, name])
            done.add(name)
            order.append(name)

    for name in sorted(needs):
        visit(name, [])
    return order, [list(circle) for circle in sorted(circles)]
