"""Generators of random numbers that a test hands to a learner's function: they go on where it left them, and can't be set."""

from __future__ import annotations

import pytest

from autograder.tests.engine_case import assignment, engine, graded, passes


def test_random_generators_advance_as_in_one_process() -> None:
    passes("def f(rng, n):\n    return rng.random(n)\ndef g(gen):\n    return torch.rand(2, generator=gen)", """
        rng, twin = np.random.default_rng(1), np.random.default_rng(1)
        check_close(f(rng, 3), twin.random(3), "same draws")
        check_close(rng.random(3), twin.random(3), "advanced")
        gen, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
        check_close(g(gen), torch.rand(2, generator=other), "same torch draws")
        check_close(torch.rand(2, generator=gen), torch.rand(2, generator=other), "torch advanced")
    """)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        "rng.bit_generator.state = np.random.default_rng(0).bit_generator.state",
        "s = rng.bit_generator.state; s['state']['state'] ^= 1 << 90; rng.bit_generator.state = s",
    ],
)
def test_the_tests_random_numbers_can_be_drawn_but_not_chosen(change: str) -> None:
    test = "rng = fresh_rng('f')\nf(rng)\ncheck(True, 'x')"
    case = assignment([("f", "def f(rng):\n    rng.normal(size=1000); rng.permutation(50); rng.integers(5, dtype='i4')", test)])
    assert engine().grade_sources(case, {"f": case.source("f")}).score == 1
    assert engine().grade_sources(case, {"f": f"def f(rng):\n    {change}"}).score == 0


def test_nor_can_the_half_of_a_word_that_a_draw_has_left() -> None:
    answer = "def f(rng):\n    {}s = rng.bit_generator.state\n    s.update(has_uint32=1, uinteger=12345)\n    rng.bit_generator.state = s"
    drawn = "rng = fresh_rng('f')\nf(rng)\ncheck(rng.integers(1 << 32, dtype='u4') != 12345, 'x')"
    held = "rng = fresh_rng('f')\nrng.integers(9, dtype='u4')\nf(rng)\ncheck(True, 'x')"
    for test, draw, score in ((drawn, "rng.random()\n    ", 1), (held, "", 0)):
        case = assignment([("f", "def f(rng):\n    rng.integers(9, size=3, dtype='u4')", test)])
        assert engine().grade_sources(case, {"f": case.source("f")}).score == 1
        assert engine().grade_sources(case, {"f": answer.format(draw)}).score == score


@pytest.mark.parametrize(
    "draw",
    [
        "torch.rand(5, generator=g)",
        "torch.randn(7, generator=g)",
        "torch.randn(3, dtype=torch.float64, generator=g)",
        "torch.randperm(2000, generator=g)",
        "torch.rand(100_000, generator=g), torch.randn(3, generator=g), torch.rand(2, generator=g)",
    ],
)
def test_a_generator_of_torch_goes_on_where_the_learner_left_it(draw: str) -> None:
    """What normal draws leave for the next one included."""
    given = f"""
        def draw(g):
            {draw}
        def same(a, b):
            return all(torch.equal(torch.randn(n, generator=a), torch.randn(n, generator=b)) for n in (1, 9, 700))
    """
    test = "g, twin = (torch.Generator().manual_seed(5) for _ in range(2))\nf(g)\ndraw(twin)\ncheck(same(g, twin), 'same')"
    assert graded(f"def f(g):\n    {draw}", test, given).score == 1


@pytest.mark.parametrize(
    ("change", "drawn"),
    [
        ("s[24:5016] = 0", "torch.rand(50, generator=g).std() == 0"),
        ("s[24:5016] = torch.Generator().manual_seed(3).get_state()[24:5016]", "True"),
        ("s[:] = torch.Generator().manual_seed(3).get_state()", "True"),
        ("torch.rand(1, generator=g); s = g.get_state(); s[5016:5044] = 1", "torch.randn(1, generator=g).abs() < 1e-9"),
    ],
)
def test_nor_can_a_generator_of_torch_be_set(change: str, drawn: str) -> None:
    answer = "def f(g):\n    torch.rand(3, generator=g)"
    test = f"g = torch.Generator().manual_seed(5)\nf(g)\ncheck({drawn}, 'chosen')"
    assert graded(answer, test.replace(drawn, "True")).score == 1
    assert graded(answer, test, submitted=f"def f(g):\n    s = g.get_state()\n    {change}\n    g.set_state(s)").score == 0


@pytest.mark.parametrize("change", ["g.manual_seed(5)", "g.set_state(torch.Generator().manual_seed(5).get_state())", "HEAD", "TAIL"])
def test_nor_can_those_of_torch(change: str) -> None:
    test = """
        for pre in (0, 1, 700):
            g = torch.Generator().manual_seed(int(fresh_rng("f").integers(1 << 30)))
            torch.rand(pre, generator=g)
            twin = torch.Generator()
            twin.set_state(g.get_state())
            check(torch.equal(f(g), f(twin)), "draws")
            check(torch.equal(torch.randn(5, generator=g), torch.randn(5, generator=twin)), "goes on from there")
            chosen = torch.Generator()
            chosen.set_state(g.get_state())
            drawn = torch.randn(1, generator=g)
            f(chosen)
            check(torch.randn(1, generator=chosen) != 0.0, "not chosen")
    """
    answer = "def f(g):\n    return torch.cat([torch.rand(1300, generator=g), torch.randn(3, generator=g), torch.rand(2, generator=g)])"
    case = assignment([("f", answer, test)])
    grade = engine().grade_sources(case, {"f": case.source("f")})
    assert grade.score == 1, grade.tasks
    forged = {
        "HEAD": "s = g.get_state(); s[8:24] = torch.tensor([112, 2, 0, 0, 1, 0, 0, 0, 112, 2, 0, 0, 0, 0, 0, 0]); g.set_state(s)",
        "TAIL": "torch.randn(2, generator=g); s = g.get_state(); s[-32] = 1; s[-40:-32] = 0; g.set_state(s)",
    }
    assert engine().grade_sources(case, {"f": f"def f(g):\n    {forged.get(change, change)}"}).score == 0
