"""Objects that are a row, with the rows below it: as documents, and written back from them.

A document holds every column and relation that an editor can change, by name, so a new column
needs nothing here. Rows that are referred to stand in it by their ids.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.utils import IntegrityError

from apps.content.domain.fields import JSON
from apps.content.domain.merging import Document, Path
from apps.content.errors import InUse, RestoreRefused
from apps.content.revisions import Actor, Kind
from apps.segments.types import usages_of

ARCHIVED: Final = "archived_at"
# Columns of JSON whose members are fields to whoever writes them, and how deep. Any other, such as
# a condition, is one field: two halves of different conditions make a third that nobody wrote.
MEMBERS: Final = {"fields": 1, "messages": 2, "traits": 1, "context": 1, "consents": 1, "alt": 1}
DEFAULT: Final = "is_default"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which rows make up an object.

    Attributes:
        children: the relation that leads to the rows below -> what they are made of.
        by: the column by whose value a row is known among its siblings: "pk" for its id.
        parent: the column of a child that leads up; it is not part of the document.
        left_out: columns that are no part of it.
        used_as: the kind by which others use a row below: while they do, it is not archived.
    """

    children: Mapping[str, "Shape"] = field(default_factory=dict)
    by: str = "pk"
    parent: str = ""
    left_out: frozenset[str] = frozenset()
    used_as: str = ""


def rows_kind(name: str, label: str, model: str, shape: Shape | None = None) -> Kind:
    """Return the kind of an object that is a row of `model`, for `register_kind`."""
    shape = shape or Shape()

    def document_of(object_id: UUID) -> Document:
        row = apps.get_model(model)._base_manager.get(pk=object_id)
        return document_of_row(row, shape)

    def write(object_id: UUID, document: Document, actor: Actor, now: datetime) -> None:
        row = apps.get_model(model)._base_manager.get(pk=object_id)
        try:
            with transaction.atomic():
                write_row(row, document, shape, now)
        except ValidationError as error:
            raise RestoreRefused(" ".join(error.messages)) from error
        except IntegrityError as error:
            raise RestoreRefused(
                "Something else has taken a name that was free then: rename one of them first."
            ) from error

    def is_open(path: Path) -> bool:
        return is_made_of_fields(shape, path)

    return Kind(name, label, model, document_of, write, is_open)


def is_made_of_fields(shape: Shape, path: Path) -> bool:
    """Tell whether an object in a document is merged field by field: rows are, and `MEMBERS`."""
    if not path:
        return True
    inner = shape.children.get(path[0])
    if inner is not None:
        return len(path) == 1 or is_made_of_fields(inner, path[2:])
    return len(path) <= MEMBERS.get(path[0], 0)


def columns_of(model: type[models.Model], shape: Shape) -> list[models.Field[Any, Any]]:
    """The columns that a document holds; when the row was archived is one of them."""
    return [
        column
        for column in model._meta.concrete_fields
        if not column.primary_key
        and column.name not in {"site", shape.parent, *shape.left_out}
        and (column.editable or column.name == ARCHIVED)
    ]


def document_of_row(row: models.Model, shape: Shape) -> Document:
    """Return a row and those below it as a document. Queries: its relations and its children."""
    document: Document = {
        column.name: _plain(column.value_from_object(row))
        for column in columns_of(type(row), shape)
    }
    for relation in type(row)._meta.many_to_many:
        if relation.name not in shape.left_out:
            related = getattr(row, relation.name).all()
            document[relation.name] = [*sorted(str(one.pk) for one in related)]
    for name, inner in shape.children.items():
        rows = getattr(row, name).all()
        if followed := _followed(row, name, inner):
            rows = rows.prefetch_related(*followed)
        document[name] = {
            str(getattr(child, inner.by)): document_of_row(child, inner) for child in rows
        }
    return document


def write_row(row: Any, document: Mapping[str, JSON], shape: Shape, now: datetime) -> None:
    """Write a document over a row and those below it; what it does not name stays as it is.

    Rows below that it does not hold are archived, or deleted where they cannot be. The object as a
    whole is archived and brought back by `archiving` only.

    Raises:
        RestoreRefused: something that it needs is not there any more.
        ValidationError: the row would break a rule of its table.
    """
    for column in columns_of(type(row), shape):
        if column.name in document and (column.name != ARCHIVED or shape.parent):
            setattr(row, column.attname, _value(column, document[column.name]))
    # The lock is on the row, so `revision` and the like are what they were read as.
    row.validate_unique()
    row.validate_constraints()
    row.save()
    for relation in type(row)._meta.many_to_many:
        wanted = document.get(relation.name)
        if isinstance(wanted, list) and relation.name not in shape.left_out:
            ids = [str(one) for one in wanted]
            there = relation.related_model._base_manager.filter(pk__in=ids)
            getattr(row, relation.name).set(list(there))
    for name, inner in shape.children.items():
        children = document.get(name)
        if isinstance(children, dict):
            _write_children(row, name, children, inner, now)


def _write_children(
    row: Any, name: str, documents: Mapping[str, JSON], shape: Shape, now: datetime
) -> None:
    relation = getattr(row, name)
    present = {str(getattr(child, shape.by)): child for child in relation.all()}
    for key in present.keys() - documents.keys():
        child = present[key]
        if hasattr(child, ARCHIVED):
            _refuse_in_use(row, child, shape)
            child.archived_at = child.archived_at or now
            child.save(update_fields=[ARCHIVED])
        else:
            child.delete()
    # Of two rows the one that is the default no longer is written first.
    order = sorted(documents.items(), key=lambda item: _is_default(item[1]))
    for key, document in order:
        if not isinstance(document, dict):
            continue
        child = present.get(key)
        if child is None:
            child = relation.model(**{shape.parent: row})
            if shape.by == "pk":
                child.pk = uuid.UUID(key)
            else:
                setattr(child, shape.by, key)
        else:
            setattr(child, shape.parent, row)
            if document.get(ARCHIVED):
                _refuse_in_use(row, child, shape)
        write_row(child, document, shape, now)


def _refuse_in_use(row: Any, child: Any, shape: Shape) -> None:
    if not shape.used_as or child.archived_at is not None:
        return
    usages = usages_of(row.site_id, shape.used_as, child.pk)
    if usages:
        raise RestoreRefused(str(InUse(str(child), usages)))


def _is_default(document: JSON) -> bool:
    return isinstance(document, dict) and bool(document.get(DEFAULT))


def _followed(row: models.Model, name: str, shape: Shape) -> list[str]:
    """What is read along with the rows below, so that queries do not grow with their number."""
    model: Any = type(row)._meta.get_field(name).related_model
    return [
        *(relation.name for relation in model._meta.many_to_many),
        *shape.children,
    ]


def _plain(value: Any) -> JSON:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    assert value is None or isinstance(value, str | int | float | bool | list | dict), type(value)
    return value


def _value(column: Any, plain: JSON) -> Any:
    """Return what a column holds for a value of a document.

    Raises:
        RestoreRefused: it names a row that is gone and cannot be left empty.
    """
    if not column.is_relation:
        return plain if isinstance(column, models.JSONField) else column.to_python(plain)
    if plain is None:
        return None
    key = column.target_field.to_python(plain)
    if column.related_model._base_manager.filter(pk=key).exists():
        return key
    if column.null:
        return None
    raise RestoreRefused(f"Its {column.verbose_name} is gone for good.")
