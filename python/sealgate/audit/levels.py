"""ASGI applications, one mounted in another: which layers of ours a request passes on its way, and what each asks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from sealgate.asgi import Layer, SignatureMiddleware
from sealgate.audit.entry import Standing, by_standing, name_of
from sealgate.audit.layers import judged, nothing, within
from sealgate.policy import WEBSOCKET, Exempt, Policy, Require, Rule

__all__ = ["Asked", "Installed", "Level", "Rules", "installed", "no_rules", "ours"]

#: Those of a method, innermost first.
Rules = Callable[[str], Sequence[Rule]]


def ours() -> Any:
    """`sealgate.fastapi`; None where nobody has imported it, so that no route can have anything of it."""
    return sys.modules.get("sealgate.fastapi")


def no_rules(_method: str) -> Sequence[Rule]:
    return ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands on a route itself. `rules`: None where they cannot be told.

    `proofs`: the demands of dependencies that ask the layer for a proof. `bare`: its standing without any layer.
    """

    bare: Standing
    rules: Rules | None = no_rules
    proofs: tuple[Require, ...] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """A layer. `by_route`: whether it looks for rules. `doubt`: why it cannot be relied on."""

    policy: Policy
    by_route: bool
    doubt: str = ""

    def standing(self, rules: Sequence[Rule] | None, proofs: Sequence[Require], method: str, now: float) -> Standing:
        """As `Sealgate` chooses: a dependency that asks for a proof outweighs an exemption."""
        if self.doubt:
            return Standing("unknown", (self.doubt,))
        if not self.by_route:
            return judged(self.policy, (), method, now)
        if rules is None:
            return Standing("unknown", ("a route of an unknown kind: its rules cannot be told",))
        if proofs:
            demand = self.policy.demand(rules, method)
            own = [] if demand is None or demand is self.policy.default else [demand]
            rules = [reduce(Require.narrowed, [*own, *proofs])]
        return judged(self.policy, rules, method, now)


@dataclass(frozen=True, slots=True)
class Level:
    """One application. `layers`: its own, outermost first. `around`: the one it is mounted in, if any.

    `mount`: the rules of that mount, as those of a route. `seen`: whether the layer of `around` looks at the routes in
    here: not through another middleware. `others`: middleware of others that runs here. `notes`: for every route.
    """

    layers: tuple[Installed, ...] = ()
    around: Level | None = None
    mount: Rules = no_rules
    seen: bool = True
    others: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()

    def below(self, mount: Rules, *, seen: bool, note: str = "") -> Level:
        return Level((), self, mount, seen, (), (*self.notes, note) if note else self.notes)

    def with_layers(self, layers: Iterable[Installed], others: Iterable[Any] = ()) -> Level:
        return replace(self, layers=(*self.layers, *layers), others=(*self.others, *others))

    def reports_only(self) -> bool:
        """Whether a dependency may find that a refused request was let through."""
        return any(layer.policy.report_only for level in self._outwards() for layer in level.layers)

    def has_layers(self) -> bool:
        return any(level.layers for level in self._outwards())

    def standings(self, asked: Asked, methods: Iterable[str], now: float) -> Mapping[Standing, tuple[str, ...]]:
        """What a request has to pass, from the outermost layer to the route, and with which methods.

        Of `*` those apart that an exemption names.
        """
        named = set(methods) | (self._exempt(asked) if "*" in methods else set())
        asking = {WEBSOCKET if method == "WEBSOCKET" else method for method in named}
        groups = by_standing(asking, lambda method: self._standing(asked, method, now))
        spelled = {
            standing: tuple(sorted("WEBSOCKET" if each == WEBSOCKET else each for each in each_of))
            for standing, each_of in groups.items()
        }
        return {standing: ("*",) if "*" in each_of else each_of for standing, each_of in spelled.items()}

    def _exempt(self, asked: Asked) -> set[str]:
        rules = list(asked.rules("*") if asked.rules else ())
        for level in self._outwards():
            rules += level.mount("*")
        return set[str]().union(*(rule.methods for rule in rules if isinstance(rule, Exempt)))

    def _outwards(self) -> Iterator[Level]:
        level: Level | None = self
        while level is not None:
            yield level
            level = level.around

    def _standing(self, asked: Asked, method: str, now: float) -> Standing:
        standing, level = asked.bare, self
        rules = None if asked.rules is None else list(asked.rules(method))
        proofs: Sequence[Require] = asked.proofs
        while True:
            for layer in reversed(level.layers):
                standing = within(layer.standing(rules, proofs, method, now), standing)
            if level.around is None:
                return replace(standing, evidence=(*standing.evidence, *self.notes))
            # What is required further in holds for the layer around it; what is exempt there opens nothing.
            inner = [rule for rule in rules or () if isinstance(rule, Require)] if level.seen else []
            proofs = proofs if level.seen else ()
            rules = [*inner, *level.mount(method)]
            level = level.around

    def nothing(self, *used: Any) -> Standing:
        """Of a route where no dependency of ours stands."""
        return nothing(*used, *(each for level in self._outwards() for each in level.others))


def installed(layer: Any, app: Any) -> Installed:
    """`layer` around `app`."""
    changed = [name for name in ("__call__", "_admit") if getattr(type(layer), name) is not getattr(Layer, name)]
    if changed:
        return Installed(layer.policy, False, f"{name_of(layer)} changes what the layer does")
    choose = layer.choose
    if isinstance(layer, SignatureMiddleware):
        own = choose.__qualname__.startswith("SignatureMiddleware.__init__.")
        return Installed(layer.policy, False, "" if own else f"{name_of(choose)} chooses what is asked")
    fastapi = ours()
    if fastapi is None or getattr(choose, "__func__", None) is not fastapi.Sealgate.choose:
        return Installed(layer.policy, False, f"{name_of(choose)} chooses what is asked")
    doubt = "" if choose.__self__.app is app else "the layer is another application's: it chooses by other routes"
    return Installed(layer.policy, True, doubt)
