"""Who annotated: names in the stored form, accounts on the server.

A small JSON file maps an account's e-mail address to the name that stored annotations carry. An
account that it does not name is called by what stands before the `@`, and for a name without
an account `push` makes `NAME@annotators.invalid`, so that names come back as they went. Addresses
are the same in whatever letter case, as servers may change it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from aqwal.annotations.studio.connection import Connection
from aqwal.annotations.studio.home import StudioError

_DOMAIN = "annotators.invalid"


class Annotators:
    """The accounts of a server and the names of those who have them.

    Args:
        connection: The server.
        named: E-mail address → name.

    Raises:
        StudioError: If two accounts would have the same name.
    """

    def __init__(self, connection: Connection, named: dict[str, str] | None = None) -> None:
        self._connection, self._named = connection, named or {}
        self._folded = {email.casefold(): name for email, name in self._named.items()}
        self._names: dict[int, str] = {}
        self._addresses: set[str] = set()
        for user in connection.read(lambda client: list(client.users.list())):
            self._add(user)
        twice = [name for name, count in Counter(self._names.values()).items() if count > 1]
        if twice:
            raise StudioError(
                f"{connection.url} has several accounts that are called {', '.join(sorted(twice))}; "
                "tell them apart in the file given by --annotators"
            )

    @classmethod
    def read(cls, connection: Connection, path: Path | None) -> "Annotators":
        """Read the file of names, if one is given.

        Raises:
            StudioError: If it is not a JSON object of e-mail addresses and names, or two accounts have the same name.
        """
        if path is None:
            return cls(connection)
        try:
            named = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StudioError(f"{path} cannot be read as JSON: {error}") from error
        if not isinstance(named, dict) or not all(isinstance(name, str) and name for name in named.values()):
            raise StudioError(f'{path} must be an object like {{"person@example.org": "person"}}')
        return cls(connection, named)

    @property
    def without_account(self) -> list[str]:
        """The addresses that were given a name and that no account has."""
        return [email for email in self._named if email.casefold() not in self._addresses]

    def name_of(self, user: int) -> str:
        """Return the name for a user number; one that is no longer there is called by the number."""
        return self._names.get(user, f"user-{user}")

    def accounts_for(self, names: Iterable[str]) -> dict[str, int]:
        """Return the user number of each name; accounts are made for those who have none."""
        users = {name: user for user, name in self._names.items()}
        for name in sorted({*names} - set(users)):
            users[name] = self._make(name)
        return users

    def _make(self, name: str) -> int:
        email = next((email for email, named in self._named.items() if named == name), None)
        email = email or f"{quote(name, safe='')}@{_DOMAIN}"
        user = self._connection.write(lambda client: client.users.create(username=email, email=email, first_name=name))
        self._add(user)
        return int(user.id)

    def _add(self, user: Any) -> None:
        local, _, domain = user.email.partition("@")
        address = user.email.casefold()
        self._addresses.add(address)
        self._names[int(user.id)] = self._folded.get(address, unquote(local) if domain == _DOMAIN else local)
