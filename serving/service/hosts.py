"""Names by which the service may be called: a page elsewhere must not reach it through a name of its own."""

import ipaddress
import re
from collections.abc import Sequence

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqwal.serving.service.refusal import Refusal, respond

ANY = "*"
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
_NAME = re.compile(r"\*|(\*\.)?[\w.-]+|\[[0-9a-fA-F:.]+\]")


def is_name(name: str) -> bool:
    """Say whether this can be allowed: a name, an address, all names below one (`*.example.org`), or `*` for any."""
    return _NAME.fullmatch(name) is not None


def own_names(address: str) -> list[str]:
    """Return the names of a service that listens at an IP address: on loopback its own, else any."""
    ip = ipaddress.ip_address(address)
    # Python 3.11 and 3.12 do not look into an IPv4 address that is written as one of IPv6.
    if not (getattr(ip, "ipv4_mapped", None) or ip).is_loopback:
        return [ANY]
    return sorted({*_LOOPBACK, f"[{ip}]" if ip.version == 6 else str(ip)})


class HostCheck:
    """Middleware that refuses requests for other names; starlette decides, the answer is told as all others are.

    Args:
        app: The application behind it.
        names: For which `is_name` holds.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._check = TrustedHostMiddleware(_admit, list(names), www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or refuse it."""
        checked = dict(scope)
        await self._check(checked, receive, _unheard)
        if _ADMITTED in checked:
            await self._app(scope, receive, send)
        else:
            refusal = Refusal(400, "the Host is none of this service's names; --allowed-host gives it others")
            await respond(scope["path"], refusal)(scope, receive, send)


_ADMITTED = "aqwal.admitted"


async def _admit(scope: Scope, receive: Receive, send: Send) -> None:
    scope[_ADMITTED] = True


async def _unheard(message: Message) -> None:
    """Stand for the client while starlette decides."""
