"""Mathematics is typeset while the book is built, says what is wrong with a formula, and needs no rule or font that was left out."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from docutils import nodes
from fontTools.ttLib import TTFont
from formula_breaks import PERMIT, breakable
from formula_text import formula_text
from math_fonts import embed_fonts
from mathematics import MathematicsError, aligned, keep_punctuation, typeset, typeset_markup
from stylesheet import purge, vocabulary

from autograder import katex
from autograder.katex import KATEX
from book.display import rich_text


def test_a_formula_has_markup_for_the_eye_and_for_the_ear() -> None:
    markup = typeset(r"a < \sqrt{d}")
    assert '<span class="katex-html" aria-hidden="true">' in markup
    assert re.search(r"<math><semantics>.*<msqrt><mi>d</mi></msqrt>.*<annotation[^>]*>a &lt; \\sqrt\{d\}</annotation>", markup)


@pytest.mark.parametrize("tex", [r"\frobnicate{x}", r"\frac{1}{", r"\begin{aligned}a"])
def test_a_formula_with_an_error_is_named(tex: str) -> None:
    with pytest.raises(MathematicsError, match=re.escape(tex)):
        typeset(tex)


@pytest.mark.parametrize(
    ("tex", "breaks"),
    [
        (r"p\log(p/\epsilon)", 0),  # short enough for any line
        (r"P(s'\mid s,a)", 0),
        (r"H(X)=-\sum_{x,y}p(x,y)\log p(x)", 1),
        (r"s_1,\dots,s_m>0", 2),
        (r"\frac1{1-\gamma}\mathbb E_{s\sim d^\pi,a\sim\pi}[A^\pi(s,a)\,\nabla\log\pi_\theta(a\mid s)]", 3),
    ],
)
def test_a_long_formula_in_the_text_may_break_and_is_copied_as_it_was_written(tex: str, breaks: int) -> None:
    assert breakable(tex).count(PERMIT) == breaks
    assert breakable(tex).replace(PERMIT, "") == tex
    markup = typeset(tex)
    assert PERMIT.strip() not in markup
    assert len(re.findall("katex-base", markup)) >= breaks + 1


def test_numbers_come_from_sphinx_alone() -> None:
    assert "eqn-num" not in typeset(r"\begin{align}a&=b\\c&=d\end{align}", display=True)
    assert "eqn-num" not in typeset(r"\begin{equation}a\end{equation}", display=True)


def test_lines_of_a_block_are_aligned() -> None:
    assert aligned("a = b") == "a = b"
    assert aligned(r"a &= b\\ &= c") == r"\begin{split}a &= b\\ &= c\end{split}"
    assert aligned("a\n\nb") == r"\begin{aligned}a\\b\end{aligned}"


def test_what_cells_display_is_typeset() -> None:
    markup = typeset_markup(rich_text(r"if $a<b$ then $$\frac{a}{b}$$ and `x < 1`, at 5 \(dollars\)"))
    assert markup.count('class="katex"') == 2
    assert markup.count('class="katex-display"') == 1
    assert r"<code>x &lt; 1</code>, at 5 \(dollars\)" in markup


def test_punctuation_stays_with_its_formula() -> None:
    markup = typeset_markup(rich_text("is $a$, and $b$ so"))
    assert re.search(r'<span class="math-kept"><span class="math[^>]*>(?:(?!</span>,).)*</span>,</span> and', markup)
    assert markup.count("math-kept") == 1
    paragraph = nodes.paragraph("", "", nodes.Text("so ("), nodes.math("", "k"), nodes.Text("th). Then"))
    keep_punctuation(SimpleNamespace(builder=SimpleNamespace(format="html")), paragraph, "")  # type: ignore[arg-type]
    assert [child.astext() for child in paragraph.children] == ["so ", "(kth).", " Then"]
    paragraph = nodes.paragraph("", "", nodes.math("", "M"), nodes.Text("-smooth"))
    keep_punctuation(SimpleNamespace(builder=SimpleNamespace(format="html")), paragraph, "")  # type: ignore[arg-type]
    assert [child.astext() for child in paragraph.children] == ["M-", "smooth"]


TEXTS = {
    r"\frac{1}{\sqrt{d}}": "1/√d",
    r"\frac{1}{2\sqrt d}": "1/(2√d)",
    r"1/\sqrt{d}": "1/√d",
    r"\tfrac43": "4/3",
    r"-\tfrac12": "−1/2",
    r"\frac{a+b}{c}": "(a+b)/c",
    r"\frac{2a}{3}": "2a/3",
    r"\frac{\frac12 a}{b}": "(1/2)a/b",
    r"\frac{1}{(a+b)(c+d)}": "1/((a+b)(c+d))",
    r"\frac{p(x)}{\mu(t+1)}": "p(x)/(μ(t+1))",
    r"\frac{\partial f}{\partial x}": "∂f/∂x",
    r"k_3=\tfrac12(\log r)^2": "k_3=(1/2)(log r)²",
    r"\frac12\|x\|_2^2": "(1/2)∥x∥_2²",
    r"\left(\frac{a}{b}\right)^2": "(a/b)²",
    r"p(x)\log_2\frac{p(x)}{q}": "p(x) log_2(p(x)/q)",
    r"\sqrt[3]{x+1}": "³√(x+1)",
    r"\sqrt{2\pi e}\,\sigma": "√(2πe) σ",
    r"n^2 d": "n²d",
    r"x^{-1}": "x⁻¹",
    r"2^n": "2^n",
    r"e^{-x^2/2}": "e^(−x²/2)",
    r"A^\top A": "A^⊤A",
    r"x^{T}y": "x^T y",
    r"s'_t": "s′_t",
    r"a_{i,j}+d_k": "a_(i, j)+d_k",
    r"\mathrm{acc}_{ij}": "acc_ij",
    r"\mathbb{E}_{x\sim p}[f(x)]": "E_(x∼p)[f(x)]",
    r"\sum_{i=1}^{n} x_i^2": "∑_(i=1)^n x_i²",
    r"\max_a Q(s,a)": "max_a Q(s, a)",
    r"\operatorname*{arg\,max}_\theta L": "arg max_θ L",
    r"\exp(-x)": "exp(−x)",
    r"0\log 0": "0 log 0",
    r"\widehat{\operatorname{KL}}+\hat x+\bar\theta_t": "KL\u0302+x\u0302+θ\u0304_t",
    r"\underbrace{x+y}_{\text{sum}}": "x+y (sum)",
    r"\binom{n}{k}": "(n over k)",
    r"\begin{aligned}a&=b,\\&=c\end{aligned}": "a =b; =c",
    r"\mathrm{clip}\!\left(x\right)": "clip(x)",
}


@pytest.mark.parametrize(("tex", "text"), TEXTS.items())
def test_a_formula_as_text_keeps_roots_fractions_powers_and_indices(tex: str, text: str) -> None:
    assert formula_text(typeset(tex, display=True)) == text


def test_a_formula_in_the_name_of_a_control_says_what_it_is() -> None:
    """Names are made of plain text; everywhere else the MathML speaks, and a name would silence it."""
    answer = rich_text(r"$1/(2\sqrt{d}) < 1$")
    markup = typeset_markup(f"<label>A {answer}</label>")
    assert '<math aria-label="1/(2√d)&lt;1"><semantics>' in markup
    assert "aria-label" not in typeset_markup(rich_text("$1<2$"))


def test_a_process_that_has_typeset_comes_to_its_end() -> None:
    code = f"import sys; sys.path.insert(0, {str(KATEX.parent)!r}); from mathematics import typeset; typeset('x')"
    for _ in range(6):
        subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_a_forked_process_typesets_too() -> None:
    """A JavaScript engine doesn't survive a fork, so each process has its own."""
    first = katex._engine(1)
    assert katex._engine(1) is first
    assert katex._engine(2) is not first


def test_purging_keeps_what_can_match() -> None:
    css = (
        "/* note */ a:hover{color:red} .used{top:0} .used .not-used{top:1px} #here,.not-used{top:2px} p:not(.not-used){top:3px}"
        "@media print{.not-used{top:4px}} @media print{.scripted{top:5px}} .fa-bars::before{content:'x'}"
    )
    known = vocabulary(['<p class="used" id=here>'], ["element.classList.add('scripted')"])
    kept = purge(css, known).replace(" ", "")
    wanted = "a:hover{color:red}.used{top:0}#here{top:2px}p:not(.not-used){top:3px}@mediaprint{.scripted{top:5px}}"
    assert kept == wanted


def test_fonts_hold_what_the_pages_show_and_no_more() -> None:
    style = purge((KATEX / "katex.min.css").read_text(), vocabulary([typeset(r"x + \mathbf{y}")], []))
    faces = re.findall(r"@font-face\s*\{[^}]*\}", embed_fonts(style, KATEX / "fonts", "xy+"))
    found = {}
    for face in faces:
        family = re.search(r"KaTeX_\w+", face)[0]
        data = base64.b64decode(re.search(r"base64,([^)]*)\)", face)[1])
        found[family, "700" in face] = set(TTFont(io.BytesIO(data)).getBestCmap())
    assert set(found) == {("KaTeX_Main", False), ("KaTeX_Main", True), ("KaTeX_Math", False)}
    assert found["KaTeX_Math", False] == {ord("x"), ord("y")}
    assert found["KaTeX_Main", False] == {ord("x"), ord("y"), ord("+")}
