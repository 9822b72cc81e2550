"""The house keeps its shape: arrows point one way, names stay fixed, PyO3 lives in one file, every scheme has a vector."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import sealgate
from sealgate import _native, exceptions, schemes

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "sealgate"
RUST = ROOT / "src"

#: Bottom up. A module imports from lower rows only; the parts of one package may import each other.
PYTHON_LAYERS = [
    {"exceptions"},
    {"_native", "answer", "not_hmac", "printable"},
    {"steps", "home_made", "identifiers", "spool"},
    {"schemes", "keys", "replay"},
    {"handshakes", "purpose"},
    {"signer", "verifier", "envelope", "scope"},
    {"files"},
    {"__init__", "policy", "sarif"},
    {"posture"},
    {"asgi", "wsgi"},
    {"django", "flask", "fastapi", "hops"},
    {"rest_framework", "pydantic", "httpx", "httpx2", "requests"},
    {"audit"},
    {"testing"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
#: `answer` sits beside the policy: it may know the exceptions, and nothing of ours besides.
NARROW = {"answer": {"exceptions"}, "exceptions": set[str](), "schemes": {"_native", "home_made", "not_hmac"}}
RUST_LAYERS = [
    {"error", "beneath"},
    {"mac", "target", "structured", "replay", "times", "form", "framing"},
    {"json", "key", "digest", "fields"},
    {"jwk", "ring", "purpose"},
    {"transform"},
    {"request", "claims", "token", "envelope"},
    {"content", "part"},
    {"signature_base"},
    {"template", "message_signature", "aws_sigv4"},
    {"grammar", "coverage"},
    {"templates"},
    {"scheme"},
    {"verify", "sign"},
    {"python"},
    {"lib"},
]
EXPORTED = {
    *(
        "Key",
        "KeyRing",
        "Request",
        "Response",
        "Scheme",
        "Members",
        "Signer",
        "Verifier",
        "Verified",
        "Rejected",
        "Unavailable",
    ),
    *("Envelope", "Scope", "SignedFiles", "schemes", "canonicalize", "canonicalize_json"),
}
NOT_NAMES = {"utils", "util", "helpers", "helper", "core", "base", "common", "manager", "managers", "misc"}


def rank(layers: list[set[str]], module: str) -> int:
    """The row of a module; a new module has to be given one, here and in the design."""
    rows = [row for row, modules in enumerate(layers) if module in modules]
    assert len(rows) == 1, f"{module} has no place in the house"
    return rows[0]


def python_modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield "cli" if "commands" in parts else parts[0], path  # `manage.py`'s are a command line of their own


def imports(text: str, package: list[str]) -> Iterator[str]:
    """Top-level modules of ours that a module of `package` imports, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "sealgate":
                    yield [*alias.name.split("."), "__init__"][1]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parts = [*base, *(node.module.split(".") if node.module else [])]
            if parts[:1] == ["sealgate"]:
                for alias in node.names:
                    yield parts[1] if len(parts) > 1 else own_module(alias.name)


def own_module(name: str) -> str:
    exists = (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir() or name == "_native"
    return name if exists else "__init__"


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(*found, id=str(found[1].relative_to(PACKAGE))) for found in python_modules()]
)
def test_python_arrows_point_one_way(module: str, path: Path) -> None:
    for imported in imports(path.read_text(), ["sealgate", *path.relative_to(PACKAGE).parent.parts]):
        if imported != module:
            assert rank(PYTHON_LAYERS, imported) < rank(PYTHON_LAYERS, module), f"{path.name} imports {imported}"
            assert imported in NARROW.get(module, {imported}), f"{path.name} imports {imported}"


def test_every_form_of_import_is_seen() -> None:
    """Or the silence of the test above would mean nothing."""
    forms = "import sealgate.policy\nfrom sealgate.wsgi import x\nfrom . import keys\nfrom .replay import y\n"
    forms += "def f():\n    from sealgate import verifier, Key\n"
    assert {"policy", "wsgi", "keys", "replay", "verifier", "__init__"} == set(imports(forms, ["sealgate"]))
    assert {"wsgi", "django"} == set(imports("from ..wsgi import x\nfrom . import apps\n", ["sealgate", "django"]))


def rust_modules() -> list[tuple[str, Path]]:
    """Each file under the module, or the package of that name, that it belongs to."""
    return [(path.relative_to(RUST).with_suffix("").parts[0], path) for path in sorted(RUST.rglob("*.rs"))]


def code_of(path: Path) -> str:
    return re.sub(r"//.*", "", path.read_text())


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(*found, id=str(found[1].relative_to(RUST))) for found in rust_modules()]
)
def test_rust_arrows_point_one_way(module: str, path: Path) -> None:
    inside_a_package = path.parent != RUST or path.with_suffix("").is_dir()
    assert inside_a_package or "super::" not in code_of(path).partition("#[cfg(test)]")[0]
    for imported in set(re.findall(r"\bcrate::\{?(\w+)", code_of(path))) - {module}:
        assert rank(RUST_LAYERS, imported) < rank(RUST_LAYERS, module), f"{path.name} uses {imported}"


def test_python_is_known_to_one_rust_module_only() -> None:
    for module, path in rust_modules():
        if module != "python":
            assert not re.search(r"\bpyo3\b|\bPyO3\b|\bPy(Result|Any|Bytes|Err)\b", code_of(path)), path


def test_the_rust_core_is_pure() -> None:
    """No clock, no randomness of its own, no I/O: times and nonces are arguments."""
    forbidden = (
        r"\b(SystemTime|Instant|thread_rng|getrandom|OsRng|println|eprintln|dbg)\b|std::(fs|net|env|io|process|time)\b"
    )
    for _, path in rust_modules():
        assert not re.search(forbidden, code_of(path)), path


def test_files_are_known_to_one_rust_module_only() -> None:
    """It opens them for `python/root.rs`, and nothing else of the core knows that there are any."""
    assert {Path("beneath.rs")} == {path.relative_to(RUST) for _, path in rust_modules() if "rustix" in code_of(path)}
    using = {path.relative_to(RUST) for _, path in rust_modules() if re.search(r"\bbeneath\b", code_of(path))}
    assert {Path("lib.rs"), Path("python/root.rs")} == using


def test_two_files_are_unsafe_and_the_core_without_python_forbids_it() -> None:
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    assert "deny" == cargo["lints"]["rust"]["unsafe_code"]
    assert '#![cfg_attr(not(feature = "python"), forbid(unsafe_code))]' in (RUST / "lib.rs").read_text()
    unsafe = {path.relative_to(RUST) for _, path in rust_modules() if re.search(r"\bunsafe(_code)?\b", code_of(path))}
    assert {Path("lib.rs"), Path("python/still.rs"), Path("python/values.rs")} == unsafe


def test_exported_names_are_the_designs() -> None:
    names = set(sealgate.__all__)
    assert names - {"CanonicalizationError", "ConfigurationError", "SealgateError", "__version__"} <= EXPORTED
    assert EXPORTED <= names
    assert all(hasattr(sealgate, name) for name in names)


CODES = {
    ("SignatureMissing", "signature-missing", 401),
    ("SignatureMalformed", "signature-malformed", 401),
    ("UnknownKey", "key-unknown", 401),
    ("KeyNotAllowed", "key-not-allowed", 403),
    ("InvalidSignature", "signature-invalid", 401),
    ("DigestMismatch", "digest-mismatch", 401),
    ("NotCovered", "component-not-covered", 401),
    ("BodyMalformed", "body-malformed", 401),
    ("Expired", "signature-expired", 401),
    ("Replayed", "nonce-replayed", 401),
    ("HandshakeAnswered", "handshake", 200),
    ("FileMissing", "file-missing", 404),
    ("TargetAmbiguous", "target-ambiguous", 400),
    ("BodyTooLarge", "body-too-large", 413),
    ("BodyUnreadable", "body-unreadable", 400),
}


def test_codes_and_statuses_are_the_designs() -> None:
    """Logs, metrics and alarms of other people are built on them."""
    classes = [getattr(exceptions, name) for name in exceptions.__all__]
    assert CODES == {(c.__name__, c.code, c.status) for c in classes if issubclass(c, exceptions.Rejected)} - {
        ("Rejected", "rejected", 401)
    }
    assert ("unavailable", 503) == (exceptions.Unavailable.code, exceptions.Unavailable.status)
    assert not issubclass(exceptions.Unavailable, exceptions.Rejected)
    assert issubclass(exceptions.ConfigurationError, ValueError)


def test_the_stub_names_what_the_native_module_has() -> None:
    stub = ast.parse((PACKAGE / "_native.pyi").read_text())
    described = {node.name for node in stub.body if isinstance(node, ast.ClassDef | ast.FunctionDef)} | {"__version__"}
    has = {name for name in dir(_native) if not name.startswith("__")} | {"__version__"}
    assert described == has


def test_there_is_one_version_number() -> None:
    assert tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"] == sealgate.__version__
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_the_base_install_needs_nothing() -> None:
    """A verifier is judged by its dependency tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [] == project.get("dependencies", [])


@pytest.mark.parametrize("folder", ["python", "src", "tests", "fuzz", "bench"])
def test_no_file_has_a_name_that_says_nothing(folder: str) -> None:
    for path in (ROOT / folder).rglob("*"):
        if not {"target", "__pycache__"} & set(path.parts):
            assert path.stem not in NOT_NAMES, path


def test_every_scheme_has_a_vector() -> None:
    cases = [json.loads(path.read_text()) for path in (Path(__file__).parent / "vectors").glob("*.json")]
    covered = {case["scheme"] for file in cases for case in file.get("cases", ()) if "scheme" in case}
    assert set(schemes.by_name()) == covered


def test_every_preset_is_exported_and_named_after_itself() -> None:
    for name in schemes.__all__:
        value = getattr(schemes, name)
        if isinstance(value, sealgate.Scheme):
            assert name == value.name.upper().replace("-", "_")


def test_the_judge_shares_nothing_with_what_it_judges() -> None:
    """Only the standard library, and not even the shape of our names."""
    imported = set()
    for path in (Path(__file__).parent / "reference").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    imported.remove("reference")
    standard = {
        "__future__",
        "base64",
        "collections",
        "dataclasses",
        "datetime",
        "hashlib",
        "hmac",
        "json",
        "re",
        "typing",
    }
    assert standard | {"urllib"} == imported


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("*.py")), ids=lambda path: path.name)
def test_no_test_is_skipped_or_expected_to_fail(path: Path) -> None:
    marks = [node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    assert not {"skip", "skipif", "xfail", "importorskip"} & set(marks)
