"""What only Postgres says in this way: JSON values, instants, days, arrays. All text, no state.

The other modules write the SQL that every database has, and call this one for the rest. A value
is a jsonb expression where nothing else is said; NULL is a missing one. A CASE guards every cast,
because Postgres promises no order of evaluation.
"""

# Keeps the planner from repeating an expression of a subquery wherever it is read.
FENCE = "OFFSET 0"

# Before all instants.
BEGINNING = "timestamptz '-infinity'"

# A number written in at most this many characters is within 10^150 and 10^-150: its cast and sums
# of a hundred million such numbers cannot overflow.
NUMBER_CHARACTERS = 150

# A decimal of at most so many digits is the shortest text of its double.
DOUBLE_DIGITS = 15


# JSON


def member(document: str, key: str) -> str:
    """The value under a key (an expression of type text)."""
    return f"({document} -> {key})"


def entry(raw: str, place: int) -> str:
    """The value at a place of a JSON list; NULL for null and beyond the end."""
    return f"nullif({raw} -> {place}, 'null'::jsonb)"


def json_type(value: str) -> str:
    """'string', 'number', 'boolean', 'array', 'object' or 'null'."""
    return f"jsonb_typeof({value})"


def is_number(value: str) -> str:
    return f"jsonb_typeof({value}) = 'number'"


def is_text(value: str) -> str:
    return f"jsonb_typeof({value}) = 'string'"


def text_of(value: str) -> str:
    """The text without quotes; of a number its digits."""
    return f"(({value}) #>> '{{}}')"


def double_of(value: str) -> str:
    """A number that can be cast, as a double."""
    return f"({value})::float8"


def as_double(number: str) -> str:
    """A number of another type as a double."""
    return f"{number}::float8"


def number_text_limit(value: str) -> str:
    """Whether a JSON number is written shortly enough to be cast."""
    return f"(octet_length({text_of(value)}) <= {NUMBER_CHARACTERS})"


def is_hard(value: str) -> str:
    """Whether this is a number that cannot be cast."""
    return f"CASE WHEN {is_number(value)} THEN NOT {number_text_limit(value)} ELSE false END"


def is_hard_with_items(value: str) -> str:
    """Whether this, or an item of this list, is a number that cannot be cast."""
    return (
        f"CASE {json_type(value)} WHEN 'number' THEN NOT {number_text_limit(value)}"
        f" WHEN 'array' THEN EXISTS (SELECT 1 FROM {items(value)} WHERE {is_hard('i.x')})"
        " ELSE false END"
    )


def is_true(value: str) -> str:
    return f"({value} = 'true'::jsonb)"


def item_count(value: str) -> str:
    """How many items a JSON list has."""
    return f"jsonb_array_length({value})"


def recordset(rows: str, columns: str) -> str:
    """A JSON list of objects as a query of these columns, each with its type."""
    return f"SELECT * FROM jsonb_to_recordset({rows}) AS i({columns})"


def items(value: str) -> str:
    """The items of a JSON list, as rows i(x)."""
    return f"jsonb_array_elements({value}) AS i(x)"


def scalar(raw: str) -> str:
    """A property as conditions see it: a text, a boolean, a number that can be cast; else NULL."""
    return (
        f"CASE {json_type(raw)} WHEN 'string' THEN {raw} WHEN 'boolean' THEN {raw}"
        f" WHEN 'number' THEN CASE WHEN {number_text_limit(raw)} THEN {raw} END END"
    )


def number(value: str) -> str:
    """A scalar's number as a double; NULL for others."""
    return f"CASE WHEN {is_number(value)} THEN {double_of(value)} END"


def decimal(value: str) -> str:
    """The shortest decimal of a scalar's double; NULL for others. Decimals add exactly."""
    digits = f"octet_length({text_of(value)}) <= {DOUBLE_DIGITS}"
    # The cast of a double to numeric would keep 15 digits; its text keeps all.
    return (
        f"CASE WHEN {is_number(value)} THEN CASE WHEN {digits} THEN ({value})::numeric"
        f" ELSE ({value})::float8::text::numeric END END"
    )


def typed(value: str) -> str:
    """A text that is equal for values that `eq` calls equal: 1 and 1.0 are, 1 and true are not.

    Minus zero has the text of zero.
    """
    return (
        f"CASE WHEN {is_number(value)} THEN 'n' || (({value})::float8 + 0)::text"
        f" ELSE ({value})::text END"
    )


def by_code_point(text: str) -> str:
    """A text that compares by code point, whatever the database's language."""
    return f'{text} COLLATE "C"'


def starts_with(text: str, beginning: str) -> str:
    return f"starts_with({text}, {beginning})"


def ends_with(text: str, end: str) -> str:
    return f"(right({text}, length({end})) = {end})"


def holds_text(text: str, part: str) -> str:
    return f"(strpos({text}, {part}) > 0)"


def holds_item(value: str, item_list: str) -> str:
    """Whether a JSON list holds the one item of another."""
    return f"{value} @> {item_list}"


def matches(text: str, pattern: str) -> str:
    """Whether an advanced regular expression is found in the text."""
    return f"({by_code_point(text)} ~ {pattern})"


def instant_of(text: str) -> str:
    """The ms since 1970 of a date or instant; NULL for other texts (function of a migration)."""
    return f"segments_instant({text})"


def version_of(text: str) -> str:
    """A version as four numbers that compare; NULL for other texts (function of a migration)."""
    return f"segments_version({text})"


def anniversary_after(born_ms: str, at_ms: str) -> str:
    """The midnight of the present or next day of the year (function of a migration)."""
    return f"segments_anniversary({born_ms}, {at_ms})"


def bucket(unit_id: str, seed: str) -> str:
    """The sticky bucket of a unit, 0 to 9,999 (function of a migration)."""
    return f"segments_bucket({unit_id}, {seed})"


# Instants: stored ones have microseconds and count by their whole milliseconds.


def instant(ms: str) -> str:
    """Milliseconds since 1970 as a timestamp."""
    return f"(timestamptz 'epoch' + {ms} * interval '1 millisecond')"


def milliseconds(at: str) -> str:
    """A timestamp as whole milliseconds since 1970."""
    return f"floor(extract(epoch FROM {at}) * 1000)::bigint"


def duration(ms: int) -> str:
    """Milliseconds as what two timestamps lie apart."""
    return f"interval '{ms} milliseconds'"


def before_by(at: str, ms: int) -> str:
    """The timestamp so many milliseconds earlier."""
    return f"({at} - {duration(ms)})"


def next_ms(at: str) -> str:
    """The millisecond after a timestamp."""
    return f"({whole_ms(at)} + interval '1 millisecond')"


def whole_ms(at: str) -> str:
    """A timestamp without what is finer than milliseconds."""
    return f"date_trunc('milliseconds', {at})"


def day(at: str, zone: str) -> str:
    """The day of a timestamp in a zone, as a number of days since 1970."""
    return f"((({at}) AT TIME ZONE {zone})::date - date '1970-01-01')"


# Rows and lists

NEWEST_FIRST = "e.occurred_at DESC, e.ordered_at DESC, e.message_id DESC"

# The columns of the total order, of an event row of the table.
ORDER_COLUMNS = (
    "coalesce(e.original_at, e.occurred_at) AS ordered_at",
    'e.message_id COLLATE "C" AS message_id',
)

# The total order of event rows of the table, backwards.
LATEST_FIRST = (
    'e.occurred_at DESC, coalesce(e.original_at, e.occurred_at) DESC, e.message_id COLLATE "C" DESC'
)

# No device: the event named a user only.
DEVICE = "CASE WHEN e.identity_id IS DISTINCT FROM e.user_identity_id THEN e.identity_id END"


def newest(value: str) -> str:
    """All values, the newest first, as one list: to be given FILTER and `first` or `last`."""
    return f"array_agg({value} ORDER BY {NEWEST_FIRST})"


def distinct_list(value: str) -> str:
    """The different values in ascending order, as one list: to be given FILTER."""
    return f"array_agg(DISTINCT {value})"


def list_length(values: str) -> str:
    return f"coalesce(cardinality({values}), 0)"


def streak(days: str, today: str) -> str:
    """How many days in a row end today or yesterday, of a list of days in ascending order."""
    return (
        f"(SELECT CASE WHEN l.days[l.size] >= {today} - 1 THEN"
        # The days since one of the list are as many as those after it: none is left out.
        " (SELECT count(*) FROM unnest(l.days) WITH ORDINALITY AS d(day, place)"
        " WHERE l.days[l.size] - d.day = l.size - d.place) ELSE 0 END"
        f" FROM (SELECT {days} AS days, cardinality({days}) AS size) l)"
    )


def first_item(values: str) -> str:
    return f"({values})[1]"


def last_item(values: str) -> str:
    return f"({values})[cardinality({values})]"


def any_of(found: str, values: str) -> str:
    """Whether a value is in an array of its type."""
    return f"({found} = ANY({values}))"


def at_least(k: int, truths: list[str]) -> str:
    """Whether k of these are true: unknown while the unknown ones could settle it."""
    rows = ", ".join(truths)
    return (
        f"(SELECT CASE WHEN count(*) FILTER (WHERE t.x) >= {k} THEN true"
        f" WHEN count(*) FILTER (WHERE t.x IS NOT FALSE) >= {k} THEN NULL"
        f" ELSE false END FROM unnest(ARRAY[{rows}]::boolean[]) AS t(x))"
    )


def power_of_half(exponent: str) -> str:
    """2^-exponent. Postgres refuses results that no double holds."""
    return f"power(2::float8, -{exponent})"
