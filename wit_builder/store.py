"""Which store a URL means, how patiently it is asked, and in what words it fails.

Stores are fsspec's: s3://, gs://, https://, hf:// and what else is installed. A refusal that may pass (a reset,
a 503, no answer) is asked again for a while; one that stays is one sentence with the URL and what to type.
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

from wit_builder import __version__
from wit_builder.errors import BuildError, ConfigError, WitError

if TYPE_CHECKING:
    import asyncio

AT_ONCE_S = 5.0  # how long a store is asked again before anything was started: the user waits
PATIENCE_S = 60.0  # the same in a running build
CONNECT_S, READ_S = 10.0, 60.0  # without a connection, without a byte

T = TypeVar("T")

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_FILE = re.compile(r"(?:file|local):(?://(?:localhost(?=/))?|(?=/))", re.IGNORECASE)
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}
_LOGINS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; FSSPEC_S3_ANON=true reads a public "
    "bucket",
    "gcs": "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "hf auth login, or set HF_TOKEN",
}

# Names of exception classes and of their bases, since their packages may not be installed.
_DNS = {"gaierror", "DNSError", "ClientConnectorDNSError"}
_TLS = {"SSLError", "ClientSSLError"}
_NO_LOGIN = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "TokenRetrievalError",
    "SSOError",
    "LoginError",
    "DefaultCredentialsError",
    "RefreshError",
    "LocalTokenNotFoundError",
}
_NO_ANSWER = {
    "TimeoutError",
    "FSTimeoutError",
    "ConnectionError",
    "HTTPClientError",
    "ClientConnectionError",
    "ClientPayloadError",
    "IncompleteReadError",
    "IncompleteRead",
    "ConnectTimeout",
    "TransportError",
}
_BUSY = {408, 425, 429, 500, 502, 503, 504}  # statuses that may pass


def protocol(word: str) -> str:
    """The protocol of a URL, lower case; "" for a local path, and for a file:// URL."""
    found = _URL.match(word)
    name = found[1].lower() if found else ""
    return "" if name in ("file", "local") else name


def local_path(word: str) -> str:
    """The path that a local word means; a file URL, with // or without, is decoded (RFC 8089), a path is as it is."""
    found = _FILE.match(word)
    return unquote(word[found.end() :]) if found else word


def of(url: str) -> tuple[Any, str]:
    """The fsspec file system of that URL, and the file's path in it.

    Raises ConfigError for a protocol that is not known, or whose package is not installed.
    """
    import fsspec  # which work on local files need not wait for

    name = protocol(url)
    url = name + url[len(name) :]  # S3:// is s3://
    try:
        kind = fsspec.get_filesystem_class(name)
        store = kind(**kind._get_kwargs_from_urls(url) | _options(name))
        if loop := getattr(store, "loop", None):
            loop.set_exception_handler(_heard)
        if name in ("s3", "s3a"):
            store.retries = (
                1  # on top of botocore's own and of ours they made 80 s of a connection that is reset
            )
        path = _quoted(url) if name in ("http", "https") else str(store._strip_protocol(url))
    except ImportError as error:
        extra = _EXTRAS.get(name)
        raise ConfigError(
            f"{shown(url)} needs a package that is not installed: {_line(error)}",
            f"pip install 'wit-builder[{extra}]'" if extra else None,
        ) from error
    except ValueError as error:
        raise ConfigError(f"{shown(url)} is no path or URL that is known: {_line(error)}") from error
    except OSError as error:  # some connect at once
        raise _said(url, "reached", ConfigError, error) from error
    except TypeError as error:
        raise ConfigError(f"{shown(url)} does not say all that {name}:// needs: {_line(error)}") from error
    return store, path


def shown(url: str) -> str:
    """The URL as it may be shown: a web address without password and query, which may be a signature."""
    if protocol(url) not in ("http", "https"):
        return url
    head, question, _ = url.partition("?")
    return re.sub(r"//[^/@]*@", "//", head) + ("?..." if question else "")


def asked(url: str, doing: str, kind: type[WitError], patience_s: float, call: Callable[[], T]) -> T:
    """What the call returns; asked again while it fails for what may pass, for so many seconds.

    doing: what is done to the URL, a participle. Raises an error of that kind in plain words.
    """
    deadline, wait = time.monotonic() + patience_s, 0.25
    while True:
        try:
            return call()
        except WitError:
            raise
        except Exception as error:
            if not may_pass(error) or time.monotonic() + wait > deadline:
                raise _said(url, doing, kind, error) from error
        time.sleep(wait)
        wait = min(2 * wait, 8.0)


def may_pass(error: BaseException) -> bool:
    """Whether the same question may be answered later."""
    names, status = _names(error), status_of(error)
    if names & (_NO_LOGIN | _TLS):
        return False
    return status in _BUSY if status else bool(names & (_NO_ANSWER | _DNS))


def is_absent(error: BaseException) -> bool:
    """Whether the store says that there is no such file; without its bucket there is more amiss than that."""
    if _is_without_bucket(error):
        return False
    status = status_of(error)
    return status in (404, 410) if status else isinstance(error, FileNotFoundError) and not may_pass(error)


def status_of(error: BaseException) -> int:
    """The HTTP status that an error tells of, 0 where it tells of none."""
    for link in _chain(error):
        if "HttpProcessingError" in _mro(link):  # aiohttp's of an answer that broke off: a status of its own
            continue
        response = getattr(link, "response", None)
        if isinstance(response, dict):  # botocore's
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        for holder, name in ((link, "status"), (link, "code"), (response, "status_code")):
            found = getattr(holder, name, None)
            if isinstance(found, int) and 100 <= found < 600:
                return found
    return 0


def _heard(loop: "asyncio.AbstractEventLoop", context: dict[str, Any]) -> None:
    """Print of a task's failure that nobody has waited for, but not where a connection has broken.

    That is raised to whoever asked; aiohttp's task that was to send the body fails once more, beside it.
    """
    error = context.get("exception")
    if error is not None and not may_pass(error):
        loop.default_exception_handler(context)


def _options(name: str) -> dict[str, Any]:
    if name in ("s3", "s3a"):
        retries = {"mode": "standard", "total_max_attempts": 3}  # of one part of an upload, above all
        config = {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": retries}
        return {"config_kwargs": config, "use_listings_cache": False}
    if name in ("http", "https"):
        import aiohttp

        client = {
            "headers": {"User-Agent": f"wit-builder/{__version__}", "Accept-Encoding": "identity"},
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S),
            "auto_decompress": False,  # bytes as they lie
        }
        return {"client_kwargs": client, "encoded": True}
    return {"use_listings_cache": False}


def _quoted(url: str) -> str:
    """The address as typed, but for characters that none may hold."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _said(url: str, doing: str, kind: type[WitError], error: BaseException) -> WitError:
    why, hint = _explained(url, error)
    if issubclass(kind, BuildError):
        hint = f"{hint or 'mend that'}, then run the same command again with `--resume`"
    return kind(f"{shown(url)} cannot be {doing}: {why}", hint)


def _explained(url: str, error: BaseException) -> tuple[str, str | None]:
    """Why, and what to type."""
    names, status = _names(error), status_of(error)
    login = _LOGINS.get(_EXTRAS.get(protocol(url), ""))
    host = re.split(r"[/?#]", shown(url))[2] if protocol(url) in ("http", "https") else "its host"
    if names & _NO_LOGIN:
        return f"there are no credentials for it ({_line(error)})", login
    if names & _DNS:
        return f"{host} cannot be found (DNS)", _endpoint(url)
    if names & _TLS:
        return f"the certificate of {host} is not valid ({_line(_root(error))})", None
    if names & _NO_ANSWER and not status:
        return f"{host} does not answer ({_line(_root(error))})", _endpoint(url)
    if "FileExpired" in names:
        return "it has changed meanwhile", None
    if _is_without_bucket(error):
        return "its bucket is not there", None
    if "ValueError" in names:
        return f"it is no address ({_line(_root(error))})", None
    if is_absent(error):
        return "it is not there", None
    if status in (401, 403) or isinstance(error, PermissionError):
        return f"access is denied ({_line(_root(error))})", login
    if status:
        return f"{host} answers with status {status} ({_line(_root(error))})", None
    return _line(_root(error)), None


def _endpoint(url: str) -> str | None:
    return (
        "check the network, and AWS_ENDPOINT_URL where it is set"
        if _EXTRAS.get(protocol(url)) == "s3"
        else None
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, at most ten of them."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _is_without_bucket(error: BaseException) -> bool:
    return "bucket does not exist" in str(error) or "NoSuchBucket" in _names(error)


def _names(error: BaseException) -> set[str]:
    return {name for link in _chain(error) for name in _mro(link)}


def _mro(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _root(error: BaseException) -> BaseException:
    """The last of the chain that says something."""
    return [error, *(link for link in _chain(error) if str(link).strip())][-1]


def _line(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 200 else f"{words[:199]}…"
