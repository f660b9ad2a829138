"""Liquid for editors: a short list of tags and filters, and a limit on everything they can use up.

Two dialects: HTML escapes every value (and the caller cleans the result), TEXT escapes nothing
because its result is a JSON string that a page shows as text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from io import StringIO
from time import thread_time
from typing import Any, ClassVar, Literal, TypeAlias

from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.static_analysis import Segments
from liquid.token import Token

from apps.content.errors import InvalidTemplate, RenderFailed

Dialect: TypeAlias = Literal["html", "text", "email"]  # "email" is HTML by another policy
Path: TypeAlias = tuple[str, ...]

MAX_SOURCE = 50_000  # characters of one template
MAX_OUTPUT = 200_000  # bytes
MAX_LOCALS = 200_000  # bytes of assigned and captured values
MAX_ITERATIONS = 2_000  # nested loops multiply
MAX_TEXT = 20_000  # characters that one filter may take in or make
MAX_LIST = 500
MAX_NUMBER = 10**15
MAX_CPU_S = 0.05  # of this thread: a busy machine must not change what is served

ROOTS = frozenset({"traits", "segments", "items", "facts", "context", "intensity"})

# The last three are the parser's own names of literal text, output and stray markup.
_TAG_NAMES = (
    "if unless case for break continue assign capture cycle comment # content output illegal"
)
_FILTER_NAMES = (
    "abs append at_least at_most capitalize ceil compact concat default divided_by downcase escape"
    " first floor join last map minus modulo newline_to_br plus prepend remove remove_first replace"
    " replace_first reverse round size slice sort sort_natural split squish strip strip_html"
    " strip_newlines sum times truncate truncatewords uniq upcase url_encode where"
)
TAGS = frozenset(_TAG_NAMES.split())
FILTERS = frozenset(_FILTER_NAMES.split())
_PROPERTIES = frozenset({"size", "first", "last"})


class _Context(RenderContext):
    """A render context with a budget of CPU time."""

    __slots__ = ("deadline",)

    def __init__(self, template: BoundTemplate, **options: Any) -> None:
        super().__init__(template, **options)
        self.deadline = thread_time() + MAX_CPU_S

    def _spend(self) -> None:
        if thread_time() > self.deadline:
            raise ResourceLimitError("render time limit reached", token=None)

    def get(self, path: list[object], **options: Any) -> object:
        if self.loops:
            self._spend()
        return super().get(path, **options)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self._spend()
        return super().filter(name, token)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._spend()
        super().raise_for_loop_limit(length)


class _Template(BoundTemplate):
    context_class = _Context


class Sandbox(Environment):
    """An environment with our limits, tags and filters and without a loader."""

    loop_iteration_limit: ClassVar[int | None] = MAX_ITERATIONS
    local_namespace_limit: ClassVar[int | None] = MAX_LOCALS
    output_stream_limit: ClassVar[int | None] = MAX_OUTPUT
    context_depth_limit: ClassVar[int] = 20
    block_nesting_limit: ClassVar[int] = 20
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        for name in [name for name in self.tags if name not in TAGS]:
            del self.tags[name]
        # Not listed and so gone: `safe` (turns escaping off), `date` (reads the clock, and its
        # formats can ask for gigabytes), and everything that decodes.
        self.filters = {
            name: _bounded(name, apply) for name, apply in self.filters.items() if name in FILTERS
        }


def _bounded(name: str, apply: Callable[..., object]) -> Callable[..., object]:
    """Return the filter with its inputs and its result held to our limits."""

    @wraps(apply)
    def bounded(*arguments: Any, **options: Any) -> object:
        for argument in arguments:
            _check_size(name, argument)
        if name in ("replace", "join") and _product_of(arguments) > MAX_TEXT:
            raise ResourceLimitError(f"'{name}' would make too much text", token=None)
        result = apply(*arguments, **options)
        _check_size(name, result)
        return result

    return bounded


def _check_size(name: str, value: object) -> None:
    if isinstance(value, str):
        too_large = len(value) > MAX_TEXT
    elif isinstance(value, list | tuple | dict | range):
        too_large = len(value) > MAX_LIST
    else:
        too_large = isinstance(value, int | float) and abs(value) > MAX_NUMBER
    if too_large:
        raise ResourceLimitError(f"'{name}' got or made too large a value", token=None)


def _product_of(arguments: tuple[Any, ...]) -> int:
    """Return an upper bound of the characters that `replace` or `join` would make."""
    pieces = len(arguments[0]) if hasattr(arguments[0], "__len__") else len(str(arguments[0]))
    inserted = max((len(str(argument)) for argument in arguments[1:]), default=1)
    return (pieces + 1) * max(inserted, 1)


_DIALECTS: dict[Dialect, Sandbox] = {
    "html": Sandbox(autoescape=True, tolerance=Mode.STRICT, strict_filters=True),
    "email": Sandbox(autoescape=True, tolerance=Mode.STRICT, strict_filters=True),
    "text": Sandbox(autoescape=False, tolerance=Mode.STRICT, strict_filters=True),
}


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed Liquid template.

    Attributes:
        reads: the paths of values that it can look at, none a prefix of another. Two sets of values
            that agree there render alike, which is what makes results reusable.
    """

    template: BoundTemplate
    reads: tuple[Path, ...]

    def run(self, values: Mapping[str, object]) -> str:
        """Render.

        Raises:
            RenderFailed: a limit was reached or a filter refused its value.
        """
        context = _Context(self.template, globals=values)
        buffer: StringIO = self.template._get_buffer()
        try:
            self.template.render_with_context(context, buffer)
        except Exception as error:
            # The border of the sandbox: filters raise whatever their arithmetic raises.
            raise RenderFailed(f"The template failed: {_words(error)}.") from error
        return buffer.getvalue()


@lru_cache(maxsize=2048)
def compile_liquid(source: str, dialect: Dialect) -> Program:
    """Return the parsed template, from memory when this text was asked for before.

    Raises:
        InvalidTemplate: with the line and a sentence.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidTemplate(1, f"The template is longer than {MAX_SOURCE} characters.")
    try:
        template = _DIALECTS[dialect].from_string(source)
    except LiquidError as error:
        raise InvalidTemplate(_line(source, error), _sentence(error)) from error
    analysis = template.analyze(include_partials=False)
    for name, spans in analysis.filters.items():
        if name not in FILTERS:
            line = line_of(source, spans[0].index)
            raise InvalidTemplate(line, f"There is no filter '{name}'.")
    reads: set[Path] = set()
    for root, uses in analysis.globals.items():
        if root == "forloop":
            continue
        if root not in ROOTS:
            raise unknown_root(root, line_of(source, uses[0].span.index))
        reads.update(_fixed_part(use.segments) for use in uses)
    return Program(template, _without_longer(reads))


def unknown_root(name: str, line: int) -> InvalidTemplate:
    """Return the refusal of a first name that no value has."""
    if name == "theme":
        words = "A theme's message stands alone: write {{ theme.name }}, without filters or tags."
        return InvalidTemplate(line, words)
    known = ", ".join(sorted(ROOTS))
    return InvalidTemplate(line, f"Nothing is called '{name}' here. Values begin with {known}.")


def line_of(source: str, index: int) -> int:
    """Return the line of a position, counted from 1."""
    return source.count("\n", 0, max(index, 0)) + 1


def _fixed_part(segments: Segments) -> Path:
    """Return the part of a path known before rendering: up to an index or a looked-up name."""
    fixed: list[str] = []
    for segment in segments:
        if not isinstance(segment, str) or (fixed and segment in _PROPERTIES):
            break
        fixed.append(segment)
    return tuple(fixed)


def _without_longer(paths: set[Path]) -> tuple[Path, ...]:
    """Drop each path of which a prefix is read anyway."""
    return tuple(
        sorted(
            path for path in paths if not any(path[:size] in paths for size in range(1, len(path)))
        )
    )


def _line(source: str, error: LiquidError) -> int:
    """Return the line that a parse error names; the last one when it ran into the end."""
    if error.token is not None and 0 <= error.token.start_index < len(source):
        return line_of(source, error.token.start_index)
    return source.count("\n") + 1


def _sentence(error: Exception) -> str:
    words = _words(error)
    return f"{words[:1].upper()}{words[1:]}."


def _words(error: Exception) -> str:
    """Return the bare message of an error, without the excerpt that Liquid draws below it."""
    message = error.message if isinstance(error, LiquidError) else error
    return str(message).rstrip(".") or type(error).__name__
