"""What numba does again and again while it compiles, done once: a third of the time.

Each of these functions takes the place of one of numba's, and has the same result.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from numba.core import errors, ir, transforms, types
from numba.core.errors import NumbaError
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.target_extension import get_local_target
from numba.core.targetconfig import TargetConfig
from numba.core.types.functions import (  # type: ignore[attr-defined]
    BaseFunction,
    _unlit_non_poison,
)
from numba.core.utils import order_by_target_specificity

_equal = TargetConfig.__eq__
_call_type = BaseFunction.get_call_type
_variables = ir.Inst._rec_list_vars
_process = PostProcessor.run
#: numba's messages in colours, which it has where colorama is installed
_colours: Any = getattr(errors, "HighlightColorScheme", None)
_their_markup = getattr(_colours, "_markup", None)
#: as in colorama
_BRIGHT, _RESET = "\033[1m", "\033[0m"
#: types of what statements of numba's have most of, and no variables in it; more as they are met
_PLAIN: set[type] = {str, int, bool, type(None), ir.Loc}
_WITH_VARIABLES = (ir.Var, ir.Inst, list, tuple, dict)


def install(ours: Callable[[], bool]) -> None:
    """Have numba use the functions of this module.

    ``ours``: whether what is compiled now is a kernel of this package.
    """

    def process(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
        (_process_ours if ours() else _process)(self, emit_dels, extend_lifetimes)

    PostProcessor.run = process  # type: ignore[method-assign]
    TargetConfig.__eq__ = _equal_at_once  # type: ignore[method-assign]
    TargetConfig.values = _values_at_once  # type: ignore[method-assign]
    BaseFunction.get_call_type = _call_type_as_before  # type: ignore[assignment, method-assign]
    ir.Inst._rec_list_vars = _variables_in  # type: ignore[method-assign]
    if _colours is not None:
        _colours._markup = _in_colour


def _equal_at_once(self: Any, other: Any) -> Any:
    """numba's ``==`` of compiler options, first without looking up options that neither sets.

    numba looks options up in the keys of its caches thousands of times for a kernel, which took a
    sixth of the time to compile.
    """
    if type(self) is type(other) and self._values == other._values:
        return True
    return _equal(self, other)


def _values_at_once(self: Any) -> dict[str, Any]:
    """numba's ``values`` of compiler options, without a call for each."""
    return {name: self._values.get(name, option.default) for name, option in self.options.items()}


def _call_type_as_before(self: Any, context: Any, args: tuple, kws: dict[str, Any]) -> Any:
    """The signature of a call of numba's function ``self`` with arguments of these types.

    numba tries one template after the other until one takes the arguments, dozens for a ``+`` of
    two numbers, and keeps an account of why each did not. Here the template that took the same
    types before goes first, and no account is kept; where none takes them, numba says why.
    """
    takers = self.__dict__.setdefault("_ib_runner_takers", {})
    key = args, tuple(kws.items())
    known = takers.get(key)
    for template, literal in _templates(self, context) if known is None else [known]:
        taken = template(context)
        signature = None
        with suppress(NumbaError):
            signature = taken.apply(*_arguments(args, kws, literal))
        if signature is not None:
            self._impl_keys[signature.args] = taken.get_impl_key(signature)
            takers[key] = template, literal
            return signature
    return _call_type(self, context, args, kws)


def _templates(function: Any, context: Any) -> Iterator[tuple[Any, bool]]:
    """The templates of ``function`` in numba's order, and whether literal types stay literal."""
    target = get_local_target(context)
    for template in order_by_target_specificity(target, function.templates, function.key[0]):
        first = bool(template(context).prefer_literal)
        yield template, first
        yield template, not first


def _arguments(
    args: tuple, kws: dict[str, Any], literal: bool
) -> tuple[tuple[types.Type, ...], dict[str, types.Type]]:
    if literal:
        return args, kws
    plain = {name: _unlit_non_poison(one) for name, one in kws.items()}
    return tuple(_unlit_non_poison(one) for one in args), plain


def _variables_in(self: Any, value: Any) -> list[ir.Var]:
    """numba's list of the variables in a part of a statement, most frequent types first."""
    kind = type(value)
    if kind is ir.Var:
        return [value]
    if kind in _PLAIN:
        return []
    if kind is dict:
        value = value.values()
    elif kind is not list and kind is not tuple:
        if not issubclass(kind, _WITH_VARIABLES):
            _PLAIN.add(kind)
        return value.list_vars() if issubclass(kind, ir.Inst) else _variables(self, value)
    found: list[ir.Var] = []
    for one in value:
        if type(one) not in _PLAIN:
            found += _variables_in(self, one)
    return found


def _process_ours(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """numba's ``PostProcessor.run``, which finds where variables live, only if that is asked for.

    numba does so nine times for a function, and uses it twice. Left out is what there is on entry
    of each block, which only generators and code for Python objects need.
    """
    if self.func_ir.is_generator:
        _process(self, emit_dels, extend_lifetimes)
        return
    self.func_ir.blocks = transforms.canonicalize_cfg(self.func_ir.blocks)
    self.func_ir.variable_lifetime = VariableLifetime(self.func_ir.blocks)
    self.func_ir.generator_info = None
    if emit_dels:
        self._insert_var_dels(extend_lifetimes=extend_lifetimes)


def _in_colour(self: Any, text: str, color: str | None = None, style: str = _BRIGHT) -> str:
    """numba's message in colours, without preparing the terminal for each: few are ever shown.

    numba makes one for each name in a kernel that is not a number or an array.
    """
    return f"{color or ''}{style}{text}{_RESET}"
