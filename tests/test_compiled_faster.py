"""What numba does faster with us comes out as without: options, signatures, machine code."""

import operator
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
from numba import types
from numba.core import analysis
from numba.core.compiler import Flags, run_frontend
from numba.core.errors import TypingError
from numba.core.postproc import PostProcessor
from numba.core.registry import cpu_target

from ib_runner import compiled_faster

F32, F64, I64 = types.float32, types.float64, types.int64
VECTOR, TABLE = types.Array(F32, 1, "C"), types.Array(F64, 2, "A")


@pytest.mark.parametrize(
    ("changes", "others", "same"),
    [
        ({}, {}, True),
        ({"nrt": True}, {"nrt": True}, True),
        ({"nrt": True}, {}, False),
        ({"nrt": False}, {}, True),  # set to what it is anyway
        ({"nrt": True}, {"forceinline": True}, False),
        ({"fastmath": True}, {"fastmath": {"contract"}}, False),
    ],
)
def test_compiler_options_are_equal_where_all_values_are(changes, others, same):
    one, other = Flags(), Flags()
    for flags, chosen in ((one, changes), (other, others)):
        for name, value in chosen.items():
            setattr(flags, name, value)
    assert (one == other) is same
    assert one.values() == {name: getattr(one, name) for name in one.options}
    if same:
        assert hash(one) == hash(other)
    assert one != "no options"


@pytest.fixture
def context():
    found = cpu_target.typing_context
    found.refresh()
    return found


CALLS = [
    (operator.add, (I64, types.literal(1)), F64),
    (operator.add, (types.literal(2), types.literal(1)), I64),
    (operator.mul, (F32, F32), I64),
    (operator.pow, (types.literal(2), F64), I64),
    (operator.truediv, (I64, I64), F32),
    (operator.lt, (I64, F64), F32),
    (operator.getitem, (VECTOR, types.literal(0)), I64),
    (operator.getitem, (TABLE, types.UniTuple(types.intp, 2)), types.slice2_type),
    (max, (F32, F64), F32),
    (abs, (F32,), I64),
    (np.log2, (F32,), TABLE),
    (np.empty, (I64, types.NumberClass(F32)), types.NumberClass(F64)),
    (len, (VECTOR,), TABLE),
    (range, (I64,), types.literal(3)),
]


@pytest.mark.parametrize(("function", "args", "other"), CALLS)
def test_a_call_has_numbas_signature_the_first_time_and_again(context, function, args, other):
    of_numba = context.resolve_value_type(function)
    changed = (*args[:-1], other)
    for arguments in (args, changed, args, changed):
        ours = compiled_faster._call_type_as_before(of_numba, context, arguments, {})
        entry = of_numba.get_impl_key(ours)
        theirs = compiled_faster._call_type(of_numba, context, arguments, {})
        assert ours == theirs
        assert str(entry) == str(of_numba.get_impl_key(theirs))


def test_a_template_that_takes_the_types_is_the_first_to_be_asked_again(context, monkeypatch):
    plus = type(context.resolve_value_type(operator.add))(
        context.resolve_value_type(operator.add).templates
    )
    asked = []

    def counted(target, templates, key):
        asked.append(len(templates))
        return compiled_faster.order_by_target_specificity(target, templates, key)

    first = plus.get_call_type(context, (F64, I64), {})
    monkeypatch.setattr(compiled_faster, "_templates", counted)
    assert plus.get_call_type(context, (F64, I64), {}) == first
    assert asked == []


def test_what_no_template_takes_is_numbas_error(context):
    plus = context.resolve_value_type(operator.add)
    with pytest.raises(TypingError, match="No implementation of function"):
        plus.get_call_type(context, (VECTOR, types.unicode_type), {})


def _with_many_statements(x, y=2.0, *more):
    z = np.zeros((x.size, 2))
    for k, (one, other) in enumerate(zip(x, z[::-1, 0], strict=True)):
        z[k, 0], z[k, 1] = max(one, other, y), {"a": [one, (k, other)], "b": more}["a"][0]
        if not 0 < k < 3 or y is None:
            raise ValueError(f"{k} of {more[0]}")
        del one
    return [a + y for a in x], z[1:, ...], lambda b: b * y


def test_the_variables_of_a_statement_are_numbas_in_its_order():
    statements = [
        statement
        for block in run_frontend(_with_many_statements).blocks.values()
        for statement in block.body
    ]
    kinds = {type(one) for one in statements}
    assert len(kinds) > 6
    for one in statements:
        others = object(), {1, 2}, OrderedDict(one.__dict__)
        for part in (one.__dict__, *one.__dict__.values(), *others, *others):
            found = compiled_faster._variables_in(one, part)
            assert [(v.name, id(v)) for v in found] == [
                (v.name, id(v)) for v in compiled_faster._variables(one, part)
            ]


def test_numbas_messages_have_the_same_colours():
    colorama = pytest.importorskip("colorama")
    theirs = compiled_faster._their_markup
    for colour in (None, colorama.Fore.RED):
        for style in ({}, {"style": colorama.Style.DIM}, {"style": ""}):
            text = compiled_faster._in_colour(None, "no – such type", colour, **style)
            assert text == theirs(None, "no – such type", colour, **style)


def _counts(n):
    total = 0
    for k in range(n):
        if k % 3:
            total += k
    return total


def _yields(n):
    for k in range(n):
        yield 2 * k


@pytest.mark.parametrize(
    ("function", "emit_dels"), [(_counts, False), (_counts, True), (_yields, False)]
)
def test_variables_live_where_numba_finds_them(function, emit_dels):
    theirs, ours = run_frontend(function), run_frontend(function)
    compiled_faster._process(PostProcessor(theirs), emit_dels)
    compiled_faster._process_ours(PostProcessor(ours), emit_dels)
    assert ours.dump_to_string() == theirs.dump_to_string()
    assert ours.variable_lifetime.livemap == theirs.variable_lifetime.livemap
    assert (ours.generator_info is None) is (theirs.generator_info is None)
    if function is _yields:
        assert ours.generator_info.state_vars == theirs.generator_info.state_vars


def test_where_variables_live_is_found_when_asked(monkeypatch):
    found = run_frontend(_counts)
    monkeypatch.setattr(analysis, "compute_live_map", None)
    compiled_faster._process_ours(PostProcessor(found))
    with pytest.raises(TypeError, match="not callable"):
        compiled_faster._process(PostProcessor(found))


#: kernels whose functions differ in their options: of each overload of numba's there are two
KERNELS = """
import re, sys
import numba, numpy as np
from ib_runner import compiled
if sys.argv[1] == "numba's own":
    from numba.core import ir
    from numba.core.postproc import PostProcessor
    from numba.core.targetconfig import TargetConfig
    from numba.core.types.functions import BaseFunction
    from ib_runner import compiled_faster
    TargetConfig.__eq__ = compiled_faster._equal
    BaseFunction.get_call_type = compiled_faster._call_type
    ir.Inst._rec_list_vars = compiled_faster._variables
    PostProcessor.run = compiled_faster._process

def source(x, y):
    z = np.zeros((x.size, 2), np.float32)
    total = 0.0
    for k in range(x.size):
        z[k, 0] = max(x[k], y[k % 3], 0.5) / min(x[0], y[1])
        total += z[k, 0] * x[k] + abs(y[k]) ** 2 - np.log2(x[k]) // 1
    return total + z[1:, 0].sum()

def around(inner):
    return lambda x, y: inner(x, y)

for options in ({}, {"fastmath": True}, {"error_model": "numpy"}, {}, {"fastmath": True}):
    inner = compiled.inner(allocates=True, **options)(source)
    for kernel in numba.njit(**options)(source), numba.njit(around(inner)):
        a, b = np.arange(1.0, 9.0), np.arange(2.0, 10.0, dtype=np.float32)
        kernel(a, b), kernel(b, b)
        for code in kernel.inspect_asm().values():
            print(re.sub(r"[0-9]{3,}", "N", code))
"""


def test_machine_code_is_the_same():
    codes = [
        subprocess.run(
            [sys.executable, "-c", KERNELS, way], capture_output=True, text=True, check=True
        ).stdout
        for way in ("numba's own", "ours")
    ]
    assert len(codes[0]) > 10_000
    assert codes[0] == codes[1]
