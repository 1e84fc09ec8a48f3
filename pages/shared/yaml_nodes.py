"""YAML as nodes that know their line, so that whatever is wrong with a file is told with its place; no Streamlit.

Aliases are refused: nothing in a file of the sort needs them, and they let a small file stand for a huge one.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

MAX_BYTES, MAX_DEPTH = 64 * 2**10, 12


class BrokenFileError(Exception):
    """A file that cannot be used: its name, the line (from 1), the reason (one of ``REASONS``) and its numbers."""

    REASONS = (
        "unreadable",
        "large",
        "syntax",
        "empty",
        "alias",
        "deep",
        "mapping",
        "list",
        "words",
        "number",
        "unknown",
        "twice",
        "missing",
        "nowhere",
        "taken",
    )

    def __init__(self, file: str, line: int, reason: str, **values: object) -> None:
        super().__init__(f"{file}, line {line}: {reason} {values}")
        self.file, self.line, self.reason, self.values = file, line, reason, values


class Item:
    """A node of a file, which is asked for what should be there."""

    def __init__(self, file: str, node: yaml.Node) -> None:
        self._file, self._node = file, node

    @property
    def is_mapping(self) -> bool:
        """Return whether there are keys in it."""
        return isinstance(self._node, yaml.MappingNode)

    def broken(self, reason: str, **values: object) -> BrokenFileError:
        """Return an error at this place."""
        return BrokenFileError(self._file, self._node.start_mark.line + 1, reason, **values)

    def mapping(self, allowed: Collection[str], needed: Collection[str] = ()) -> "dict[str, Item]":
        """Return the values by key, in order."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.broken("mapping", given=self._kind(), allowed=", ".join(allowed))
        found: dict[str, Item] = {}
        for key, value in self._node.value:
            at = Item(self._file, key)
            name = at.words()
            if name not in allowed:
                raise at.broken("unknown", given=name, allowed=", ".join(allowed))
            if name in found:
                raise at.broken("twice", given=name)
            found[name] = Item(self._file, value)
        for name in needed:
            if name not in found:
                raise self.broken("missing", needed=name)
        return found

    def items(self) -> "list[Item]":
        """Return the items of a list that is not empty."""
        if not isinstance(self._node, yaml.SequenceNode) or not self._node.value:
            raise self.broken("list", given=self._kind())
        return [Item(self._file, node) for node in self._node.value]

    def words(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value.strip():
            raise self.broken("words", given=self._kind())
        return str(self._node.value).strip()

    def number(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``."""
        given = self.words()
        if not given.isdecimal() or not low <= int(given[:9]) <= high:
            raise self.broken("number", given=given, low=low, high=high)
        return int(given)

    def choice(self, allowed: Collection[str]) -> str:
        """Return one of the words that are allowed."""
        given = self.words()
        if given not in allowed:
            raise self.broken("unknown", given=given, allowed=", ".join(allowed))
        return given

    def choices(self, allowed: Collection[str]) -> tuple[str, ...]:
        """Return a list of words that are allowed."""
        return tuple(item.choice(allowed) for item in self.items())

    def _kind(self) -> str:
        if isinstance(self._node, yaml.ScalarNode):
            return str(self._node.value) or "''"
        return "{…}" if self.is_mapping else "[…]"


def read_yaml(path: Path) -> Item:
    """Read a file of one document.

    Raises:
        BrokenFileError: when it cannot be read, is not YAML, or is larger or deeper than a file of the sort can be.
    """
    try:
        data = path.read_bytes()[: MAX_BYTES + 1]
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenFileError(path.name, 1, "unreadable", problem=str(error)) from error
    if len(data) > MAX_BYTES:
        raise BrokenFileError(path.name, 1, "large", limit=MAX_BYTES)
    try:
        _check(path.name, yaml.parse(text, yaml.SafeLoader))
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BrokenFileError(path.name, line, "syntax", problem=error.problem) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise BrokenFileError(path.name, line, "syntax", problem=getattr(error, "reason", "")) from error
    if node is None:
        raise BrokenFileError(path.name, 1, "empty")
    return Item(path.name, node)


def _check(file: str, events: Iterator[yaml.Event]) -> None:
    """Refuse what would make a tree of nodes too large or too deep, before there is one."""
    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise BrokenFileError(file, line, "alias", given=event.anchor)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BrokenFileError(file, line, "deep", limit=MAX_DEPTH)
