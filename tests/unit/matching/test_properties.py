"""Whatever layers are called and however a file is ordered: bound rightly, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archc.graph.weight import Weight
from archc.matching.names import numbered
from archc.matching.parties import Form, GroupParty, LayerParty
from archc.matching.structure import Bound, by_structure

WORDS = ("alpha", "beta", "stem", "head", "body", "left", "right", "expand", "proj", "conv", "bn")


@dataclass(frozen=True)
class Chain:
    """Layers one behind the other, some side by side: their forms, and which come before each."""

    forms: tuple[Form, ...]
    after: tuple[int, ...]


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Convolutions and normalizations of few sizes, so that many have the same form."""
    sizes = (8, 16, 32)[: draw(st.integers(1, 3))]
    channels = 3
    forms: list[Form] = []
    for _ in range(draw(st.integers(2, 16))):
        if len(forms) > 0 and draw(st.booleans()):
            parts = ("bias", "running_mean", "running_var", "weight")
            forms.append(tuple((name, (channels,)) for name in parts))
        else:
            out = draw(st.sampled_from(sizes))
            forms.append((("weight", (out, channels, 3, 3)),))
            channels = out
    after = [(1 << number) - 1 for number in range(len(forms))]
    for number in draw(st.lists(st.integers(1, len(forms) - 1), max_size=2)):
        after[number] &= ~(1 << (number - 1))
    return Chain(tuple(forms), tuple(after))


@st.composite
def module_names(draw: st.DrawFn, count: int, depth: int = 3) -> list[str]:
    """Names of layers that are cut into modules one behind the other, as programs have them.

    Modules are numbered in order, or called by words of any meaning.
    """
    if depth == 0 or count <= 2 or draw(st.booleans()):
        return _called(draw, count)
    ends = draw(st.sets(st.integers(1, count - 1), min_size=1, max_size=4))
    cuts = [0, *sorted(ends), count]
    sizes = [b - a for a, b in pairwise(cuts)]
    modules = _called(draw, len(sizes))
    return [
        f"{module}.{name}"
        for module, size in zip(modules, sizes, strict=True)
        for name in draw(module_names(size, depth - 1))
    ]


def _called(draw: st.DrawFn, count: int) -> list[str]:
    if draw(st.booleans()) and count <= len(WORDS):
        return list(draw(st.permutations(WORDS))[:count])
    word, first = draw(st.sampled_from(WORDS)), draw(st.integers(0, 1))
    return [f"{word}{number + first}" for number in range(count)]


def by_names(
    chain: Chain, names: Sequence[str], called: Sequence[str], order: Sequence[int]
) -> Bound:
    """What structure finds for layers of some names in a file where they are called otherwise."""
    own, other = numbered(names), numbered(called)
    layers = [
        LayerParty(name, own[name], tuple(Weight(n, s, "zeros") for n, s in form), (), after)
        for name, form, after in zip(names, chain.forms, chain.after, strict=True)
    ]
    groups, position = [], 0
    for number in order:
        name, form = called[number], chain.forms[number]
        keys = {what: f"{name}.{what}" for what, _ in form}
        shapes = {f"{name}.{what}": sizes for what, sizes in form}
        groups.append(GroupParty(name, other[name], keys, shapes, position, is_together=True))
        position += len(form)
    return by_structure(layers, groups, "torch")


def mistakes(bound: Bound, order: Sequence[int]) -> list[tuple[int, int, str]]:
    """The layers that are bound to what is another layer in the file."""
    return [(n, order[g], why) for n, (g, why) in bound.groups.items() if order[g] != n]


def orders(count: int) -> st.SearchStrategy[Sequence[int]]:
    plain = st.just(range(count))
    return st.one_of(plain, st.permutations(range(count)))


tokens = st.text("bcdfgklmnpqrst", min_size=4, max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_words_without_meaning_bind_only_what_is_alone_of_its_form(data: st.DataObject) -> None:
    chain = data.draw(chains())
    count = len(chain.forms)
    called = data.draw(st.lists(tokens, min_size=count, max_size=count, unique=True))
    order = data.draw(orders(count))
    names = data.draw(module_names(count))
    bound = by_names(chain, names, called, order)
    assert mistakes(bound, order) == []
    forms = Counter(chain.forms)
    alone = {number for number, form in enumerate(chain.forms) if forms[form] == 1}
    assert alone <= set(bound.groups)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_two_layers_of_one_form_that_change_places_are_never_bound_wrongly(
    data: st.DataObject,
) -> None:
    """With names that say nothing, who stands where is all that is left, and not enough."""
    chain = data.draw(chains())
    count = len(chain.forms)
    called = data.draw(st.lists(tokens, min_size=count, max_size=count, unique=True))
    pairs = [(a, b) for b in range(count) for a in range(b) if chain.forms[a] == chain.forms[b]]
    assume(pairs)
    a, b = data.draw(st.sampled_from(pairs))
    order = list(range(count))
    order[a], order[b] = b, a
    bound = by_names(chain, data.draw(module_names(count)), called, order)
    assert mistakes(bound, order) == []
    assert not {a, b} <= set(bound.groups)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_other_modules_than_the_networks_never_give_a_whole_wrong_plan(
    data: st.DataObject,
) -> None:
    chain = data.draw(chains())
    count = len(chain.forms)
    names, called = data.draw(module_names(count)), data.draw(module_names(count))
    assume(len(set(names)) == len(set(called)) == count)
    assume(not set(names) & set(called))  # a name that means another layer is a lie
    order = data.draw(orders(count))
    bound = by_names(chain, names, called, order)
    if len(bound.groups) == count:
        assert mistakes(bound, order) == []


def test_one_neighbour_does_not_make_two_modules_the_same() -> None:
    """A norm and its convolution, and a convolution and its norm: each module stands but once."""
    first: Form = (("weight", (8, 3, 3, 3)),)
    conv: Form = (("weight", (8, 8, 3, 3)),)
    norm: Form = tuple((name, (8,)) for name in ("bias", "running_mean", "running_var", "weight"))
    forms = (first, conv, norm, conv, conv, norm, conv, conv, norm, norm)
    chain = Chain(forms, tuple((1 << number) - 1 for number in range(len(forms))))
    sizes = (1, 1, 2, 4, 2)
    names = [f"alpha{m}.alpha{n}" for m, size in enumerate(sizes) for n in range(size)]
    called = ["beta0.alpha.alpha0.alpha0", "beta0.alpha.alpha1.alpha", "beta0.alpha.alpha1.beta"]
    called += ["beta0.beta.alpha0", *(f"beta1.alpha{number}" for number in range(6))]
    bound = by_names(chain, names, called, range(len(forms)))
    assert mistakes(bound, range(len(forms))) == []
    assert bound.open_forms


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_same_modules_under_other_words_are_bound_rightly_or_left_open(
    data: st.DataObject,
) -> None:
    chain = data.draw(chains())
    count = len(chain.forms)
    names = data.draw(module_names(count))
    assume(len(set(names)) == count)
    words = dict(zip(WORDS, data.draw(st.permutations([w[::-1] for w in WORDS])), strict=True))
    called = []
    for name in names:
        parts = [p.rstrip("0123456789") for p in name.split(".")]
        numbers = [p[len(w) :] for p, w in zip(name.split("."), parts, strict=True)]
        called.append(".".join(words[w] + n for w, n in zip(parts, numbers, strict=True)))
    order = data.draw(orders(count))
    assert mistakes(by_names(chain, names, called, order), order) == []


@settings(max_examples=100, deadline=None)
@given(chains(), st.integers(1, 40), st.data())
def test_numbers_that_are_shifted_bind_rightly(
    chain: Chain, shift: int, data: st.DataObject
) -> None:
    """As in Keras, where a layer's number is how many of its kind a session has made."""
    names, called = _keras(chain, 0), _keras(chain, shift)
    by_alphabet = sorted(range(len(names)), key=called.__getitem__)
    for kept in (range(len(names)), by_alphabet):
        bound = by_names(chain, names, called, kept)
        assert mistakes(bound, kept) == []
        assert len(bound.groups) == len(names)
    order = data.draw(orders(len(names)))
    assert mistakes(by_names(chain, names, called, order), order) == []


def _keras(chain: Chain, first: int) -> list[str]:
    counts: Counter[str] = Counter()
    names = []
    for form in chain.forms:
        kind = "conv2d" if len(form) == 1 else "batch_normalization"
        number = first + counts[kind]
        counts[kind] += 1
        names.append(f"{kind}_{number}" if number else kind)
    return names
