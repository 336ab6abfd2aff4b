"""Connections that are not made: the provider's number and a reason for each, and never an exception's own words."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

from prodtest_assets.caller import Persona, Target, place_call
from prodtest_assets.caller.deadline import bounded
from prodtest_assets.errors import Unreachable

from .conftest import ListLedger, running
from .test_faulty_applications import answering

PERSONA = Persona("quick", dt.datetime(2026, 11, 23, 14, tzinfo=dt.UTC))
NOW = dt.datetime.now(dt.UTC)


def certificate(folder: Path, name: str, *, until: dt.timedelta) -> Path:
    """A certificate that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=9))
        .not_valid_after(NOW + until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def serving_tls(app: ASGIApp, file: Path) -> Iterator[str]:
    with running(uvicorn.Config(app, lifespan="off", log_level="critical", ws="none", ssl_certfile=file)) as port:
        yield f"https://localhost:{port}"


@pytest.mark.parametrize(
    ("name", "days", "is_trusted", "code", "reason"),
    [
        ("localhost", 1, False, 11237, "has a certificate signed by nobody known"),
        ("elsewhere.example", 1, True, 11235, "has a certificate for another name"),
        ("localhost", -1, True, 11236, "has a certificate that has expired"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(
    ledger: ListLedger, tmp_path: Path, name: str, days: int, is_trusted: bool, code: int, reason: str
) -> None:
    file = certificate(tmp_path, name, until=dt.timedelta(days=days))
    trusted = ssl.create_default_context(cafile=str(file) if is_trusted else None)
    with (
        serving_tls(answering("<Hangup/>"), file) as url,
        bounded(httpx.Client(verify=trusted)) as client,
        pytest.raises(Unreachable) as refused,
    ):
        place_call(PERSONA, Target(url), ledger, client=client)

    assert str(refused.value) == f"{url} {reason}"
    assert getattr(refused.value.__cause__, "code", None) == code


def test_a_server_that_speaks_no_tls_is_told_apart_from_none(
    serve: Callable[[ASGIApp], str], ledger: ListLedger
) -> None:
    url = serve(answering("<Hangup/>")).replace("http:", "https:")

    with pytest.raises(Unreachable) as refused:
        place_call(PERSONA, Target(url), ledger)

    assert str(refused.value) == f"{url} does not speak TLS as it should"
    assert getattr(refused.value.__cause__, "code", None) == 11220


def test_a_name_that_does_not_resolve_in_mid_call_has_the_provider_s_number(
    serve: Callable[[ASGIApp], str], ledger: ListLedger
) -> None:
    url = serve(answering("<Redirect>http://nowhere.invalid/next</Redirect>"))
    with bounded(httpx.Client(trust_env=False)) as client:
        call = place_call(PERSONA, Target(url, other_hosts=frozenset({"nowhere.invalid"})), ledger, client=client)

    assert call.problem == "POST /next: the name in http://nowhere.invalid:80 does not resolve (provider error 11210)"
