//! The Python face: the only file that knows Python. It converts, calls the core, and raises.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyMapping, PyString, PyTuple};
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::mac::{self, Hash, Signature};
use crate::replay;
use crate::request::{self as parts, FieldName, FieldPairs, Fields, Target};
use crate::scheme::{self as schemes, Grammar, Proof, Terms, ToSign};
use crate::template::Template;

/// From here on the lock of the interpreter is given up: below, taking it back costs more than the hash.
const LARGE: usize = 256 * 1024;

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let name = match error.code {
            Code::Configuration => "ConfigurationError",
            Code::SignatureMissing => "SignatureMissing",
            Code::SignatureMalformed => "SignatureMalformed",
            Code::UnknownKey => "UnknownKey",
            Code::InvalidSignature => "InvalidSignature",
            Code::DigestMismatch => "DigestMismatch",
            Code::NotCovered => "NotCovered",
            Code::Expired => "Expired",
            Code::TargetAmbiguous => "TargetAmbiguous",
            Code::BodyTooLarge => "BodyTooLarge",
            Code::StoreFull => "Unavailable",
        };
        Python::attach(|py| {
            static EXCEPTIONS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
            let class = EXCEPTIONS
                .get_or_try_init(py, || py.import("sealgate.exceptions").map(Bound::unbind))
                .and_then(|module| module.bind(py).getattr(name));
            let class = match class.map(|class| class.cast_into::<pyo3::types::PyType>()) {
                Ok(Ok(class)) => class,
                Ok(Err(other)) => return other.into(),
                Err(other) => return other,
            };
            let is_rejected = !matches!(error.code, Code::Configuration | Code::StoreFull);
            let message = error.to_string();
            if is_rejected {
                PyErr::from_type(class, (message, error.index))
            } else {
                PyErr::from_type(class, message)
            }
        })
    }
}

/// An HMAC key (RFC 2104). Never printed, never pickled, wiped on drop.
#[pyclass(frozen, module = "sealgate._native")]
struct Key(Arc<mac::Key>);

#[pymethods]
impl Key {
    #[new]
    #[pyo3(signature = (octets, *, short_ok = false, published_ok = false))]
    fn new(octets: &Bound<'_, PyAny>, short_ok: bool, published_ok: bool) -> PyResult<Self> {
        Ok(Self(Arc::new(mac::Key::new(key_octets(octets)?, short_ok, published_ok)?)))
    }

    /// The signature octets of `message`.
    #[pyo3(signature = (message, hash = "sha256"))]
    fn sign<'py>(&self, py: Python<'py>, message: &[u8], hash: &str) -> PyResult<Bound<'py, PyBytes>> {
        let hash = parse_hash(hash)?;
        let signature = detached(py, message.len(), || self.0.sign(hash, message));
        Ok(PyBytes::new(py, signature.octets()))
    }

    /// Returns if `signature` (octets, or lower-case hex as str) is right; raises `InvalidSignature` if not.
    #[pyo3(signature = (message, signature, hash = "sha256"))]
    fn verify(&self, py: Python<'_>, message: &[u8], signature: &Bound<'_, PyAny>, hash: &str) -> PyResult<()> {
        let hash = parse_hash(hash)?;
        let given = if let Ok(text) = signature.cast::<PyString>() {
            let mut octets = [0; 64];
            let text = text.to_str().unwrap_or_default();
            base16ct::lower::decode(text, &mut octets).ok().and_then(|octets| Signature::received(octets, hash))
        } else {
            Signature::received(signature.cast::<PyBytes>()?.as_bytes(), hash)
        };
        let Some(given) = given else {
            return Err(Error::new(Code::InvalidSignature, "the signature does not have this hash's form").into());
        };
        Ok(detached(py, message.len(), || self.0.verify(hash, message, &given))?)
    }

    #[allow(clippy::unused_self)] // Python calls it on an object
    fn __repr__(&self) -> &'static str {
        "<Key>"
    }
}

/// Keys by key id, or one anonymous key.
#[pyclass(frozen, module = "sealgate._native")]
struct KeyRing(mac::KeyRing);

#[pymethods]
impl KeyRing {
    #[new]
    fn new(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut entries = Vec::new();
        if let Ok(mapping) = keys.cast::<PyMapping>() {
            for pair in mapping.items()?.iter() {
                let (id, keys): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
                let id = id.cast::<PyString>().map_err(|_| Error::configuration("keys: a key id is a str"))?;
                entries.push((Some(text(id).into_owned()), several_keys(&keys)?));
            }
        } else {
            entries.push((None, vec![one_key(keys)?]));
        }
        let decoy = keys.py().import("os")?.call_method1("urandom", (32,))?;
        Ok(Self(mac::KeyRing::new(entries, key_octets(&decoy)?)?))
    }

    #[getter]
    fn key_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.key_ids().collect::<Vec<_>>())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<KeyRing {}>", self.key_ids(py)?.repr()?))
    }
}

/// The origins that this service answers for.
#[pyclass(frozen, module = "sealgate._native")]
struct Origins(Vec<parts::Origin>);

#[pymethods]
impl Origins {
    #[new]
    fn new(origins: &Bound<'_, PyAny>) -> PyResult<Self> {
        let texts: Vec<String> = match origins.cast::<PyString>() {
            Ok(one) => vec![text(one).into_owned()],
            Err(_) => origins.extract().map_err(|_| Error::configuration("origin: expected a str or several"))?,
        };
        if texts.is_empty() {
            return Err(Error::configuration("origin: empty").into());
        }
        Ok(Self(texts.iter().map(|text| parts::Origin::parse(text)).collect::<Result<_, _>>()?))
    }

    fn __repr__(&self) -> String {
        let texts: Vec<String> = self.0.iter().map(parts::Origin::text).collect();
        format!("<Origins {}>", texts.join(" "))
    }
}

/// A field made of members split by `separator`, in any order; unknown ones are ignored.
#[pyclass(frozen, module = "sealgate._native")]
struct Members {
    separator: char,
    members: Vec<String>,
}

#[pymethods]
impl Members {
    #[new]
    #[pyo3(signature = (separator, *members))]
    fn new(separator: &str, members: Vec<String>) -> PyResult<Self> {
        let mut characters = separator.chars();
        match (characters.next(), characters.next()) {
            (Some(separator), None) if separator.is_ascii() && !members.is_empty() => Ok(Self { separator, members }),
            _ => Err(Error::configuration("members: expected one ASCII character and at least one template").into()),
        }
    }
}

/// A request as it is signed or received.
#[pyclass(frozen, module = "sealgate._native")]
struct Request {
    method: String,
    target: Result<Target, Error>,
    raw_target: Vec<u8>,
    headers: Headers,
    body: Option<Py<PyBytes>>,
    origin: Option<parts::Origin>,
}

enum Headers {
    Pairs(FieldPairs),
    Environ(Py<PyDict>),
}

struct EnvironFields<'py>(Bound<'py, PyDict>);

impl Fields for EnvironFields<'_> {
    fn get(&self, name: &FieldName) -> crate::error::Result<Option<Cow<'_, [u8]>>> {
        let Ok(Some(value)) = self.0.get_item(name.environ()) else { return Ok(None) };
        let Ok(value) = value.cast_into::<PyString>() else {
            return Err(Error::new(Code::SignatureMalformed, "a field is not text"));
        };
        let octets = latin1(&value);
        // PEP 3333: these two may be empty where the request has none.
        if octets.is_empty() && matches!(name.environ(), "CONTENT_TYPE" | "CONTENT_LENGTH") {
            return Ok(None);
        }
        parts::field_value(&octets).map(|value| Some(Cow::Owned(value.to_vec())))
    }
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (method, target, headers = None, body = None, *, origin = None))]
    fn new(
        method: &Bound<'_, PyString>,
        target: &Bound<'_, PyAny>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyBytes>>,
        origin: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Self> {
        let raw_target = octets_of(target)?.into_owned();
        let mut pairs = FieldPairs::default();
        if let Some(headers) = headers {
            push_pairs(headers, &mut pairs)?;
        }
        Ok(Self {
            method: text(method).into_owned(),
            target: Target::parse(&raw_target),
            raw_target,
            headers: Headers::Pairs(pairs),
            body: Some(body.map_or_else(|| PyBytes::new(method.py(), b"").unbind(), |body| body.clone().unbind())),
            origin: origin.map(|origin| parts::Origin::parse(&text(origin))).transpose()?,
        })
    }

    /// A request received by a WSGI server (PEP 3333).
    #[staticmethod]
    #[pyo3(signature = (environ, path = None))]
    fn from_wsgi(environ: &Bound<'_, PyDict>, path: Option<&Bound<'_, PyString>>) -> PyResult<Self> {
        let get = |name: &str| -> PyResult<Option<Vec<u8>>> {
            match environ.get_item(name)? {
                Some(value) => Ok(Some(latin1(value.cast::<PyString>()?).into_owned())),
                None => Ok(None),
            }
        };
        let routed = match path {
            Some(path) => text(path).into_owned().into_bytes(),
            None => [get("SCRIPT_NAME")?.unwrap_or_default(), get("PATH_INFO")?.unwrap_or_default()].concat(),
        };
        let raw = match get("RAW_URI")? {
            Some(raw) => Some(raw),
            None => get("REQUEST_URI")?,
        };
        let query = get("QUERY_STRING")?.unwrap_or_default();
        let method = get("REQUEST_METHOD")?.unwrap_or_default();
        Ok(Self {
            method: String::from_utf8_lossy(&method).into_owned(),
            target: Target::received(raw.as_deref(), &routed, &query),
            raw_target: raw.unwrap_or(routed),
            headers: Headers::Environ(environ.clone().unbind()),
            body: None,
            origin: None,
        })
    }

    /// A request received by an ASGI server: an `http` or `websocket` scope.
    #[staticmethod]
    fn from_asgi(scope: &Bound<'_, PyDict>) -> PyResult<Self> {
        let octets = |name: &str| -> PyResult<Option<Vec<u8>>> {
            match scope.get_item(name)? {
                Some(value) if !value.is_none() => Ok(Some(value.cast::<PyBytes>()?.as_bytes().to_vec())),
                _ => Ok(None),
            }
        };
        let routed = match scope.get_item("path")? {
            Some(path) => text(path.cast::<PyString>()?).into_owned().into_bytes(),
            None => Vec::new(),
        };
        let query = octets("query_string")?.unwrap_or_default();
        let raw = octets("raw_path")?.map(|path| if query.is_empty() { path } else { [path, query.clone()].join(&b'?') });
        // RFC 6455, 4.1: a WebSocket handshake is a GET.
        let method = match scope.get_item("method")? {
            Some(method) => text(method.cast::<PyString>()?).into_owned(),
            None => "GET".to_owned(),
        };
        let mut pairs = FieldPairs::default();
        if let Some(headers) = scope.get_item("headers")? {
            push_pairs(&headers, &mut pairs)?;
        }
        Ok(Self {
            method,
            target: Target::received(raw.as_deref(), &routed, &query),
            raw_target: raw.unwrap_or(routed),
            headers: Headers::Pairs(pairs),
            body: None,
            origin: None,
        })
    }

    #[getter]
    fn method(&self) -> &str {
        &self.method
    }

    /// The target as received, or rebuilt from the decoded path where the server gives no raw one.
    #[getter]
    fn target(&self) -> String {
        latin1_text(&self.target.as_ref().map_or_else(|_| self.raw_target.clone(), Target::text))
    }

    #[getter]
    fn path(&self) -> String {
        let path = |raw: &Vec<u8>| raw.split(|octet| *octet == b'?').next().map(latin1_text).unwrap_or_default();
        self.target.as_ref().map_or_else(|_| path(&self.raw_target), |target| latin1_text(target.shown_path()))
    }

    #[getter]
    fn query(&self) -> String {
        self.target.as_ref().map(|target| latin1_text(target.query())).unwrap_or_default()
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        match &self.headers {
            Headers::Pairs(pairs) => {
                for (name, value) in pairs.iter() {
                    list.append((latin1_text(name), latin1_text(value)))?;
                }
            }
            Headers::Environ(environ) => {
                for (name, value) in environ.bind(py).iter() {
                    let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else { continue };
                    let name = text(name).to_ascii_lowercase().replace('_', "-");
                    let field = name.strip_prefix("http-").or_else(|| name.starts_with("content-").then_some(&name));
                    if let Some(field) = field {
                        list.append((field, value))?;
                    }
                }
            }
        }
        Ok(list)
    }

    #[getter]
    fn origin(&self) -> Option<String> {
        self.origin.as_ref().map(parts::Origin::text)
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.body.as_ref().map(|body| body.clone_ref(py))
    }

    fn __repr__(&self) -> String {
        format!("<Request {:?} {:?}>", self.method, self.path())
    }
}

impl Request {
    fn with_fields<T>(&self, py: Python<'_>, call: impl FnOnce(&dyn Fields) -> T) -> T {
        match &self.headers {
            Headers::Pairs(pairs) => call(pairs),
            Headers::Environ(environ) => call(&EnvironFields(environ.bind(py).clone())),
        }
    }
}

/// A request that was proven.
#[pyclass(frozen, module = "sealgate._native")]
struct Verified {
    #[pyo3(get)]
    key_id: Option<String>,
    #[pyo3(get)]
    scheme: String,
    covered: Vec<String>,
    #[pyo3(get)]
    created: Option<i64>,
    #[pyo3(get)]
    nonce: Option<String>,
    #[pyo3(get)]
    message_id: Option<String>,
    body: Py<PyBytes>,
}

#[pymethods]
impl Verified {
    #[getter]
    fn covered<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.covered)
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> Py<PyBytes> {
        self.body.clone_ref(py)
    }

    fn __repr__(&self) -> String {
        let key_id = self.key_id.as_deref().unwrap_or("anonymous");
        format!("<Verified {} by {key_id:?} covering {}>", self.scheme, self.covered.join(" "))
    }
}

/// What a request says of itself, unproven.
#[pyclass(frozen, module = "sealgate._native")]
struct Claim {
    scheme: Py<Scheme>,
    claim: schemes::Claim,
    proof: OnceLock<(Proof, Option<String>)>,
}

#[pymethods]
impl Claim {
    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.claim.key_id()
    }

    /// After `authenticate`: the replay key (32 bytes) and the Unix second from which it may be forgotten, or None.
    #[getter]
    fn replay<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyBytes>, i64)> {
        let (proof, _) = self.proof.get()?;
        proof.replay.map(|(key, expires)| (PyBytes::new(py, &key), expires))
    }

    /// Checks the signature against every candidate key; `body` only where `Scheme.signs_body`.
    fn authenticate(&self, py: Python<'_>, keys: &KeyRing, body: Option<&[u8]>) -> PyResult<()> {
        let body = body.unwrap_or_default();
        let scheme = &self.scheme.get().scheme;
        let proof = detached(py, body.len(), || scheme.authenticate(&self.claim, &keys.0, body))?;
        let key_id = keys.0.key_id(proof.signer).map(str::to_owned);
        self.proof.set((proof, key_id)).map_err(|_| PyRuntimeError::new_err("a claim is authenticated once"))
    }

    /// Checks the digest, the coverage, and the window again.
    fn conclude(&self, body: &Bound<'_, PyBytes>, now: f64) -> PyResult<Verified> {
        let Some((_, key_id)) = self.proof.get() else {
            return Err(PyRuntimeError::new_err("a claim is authenticated before it is concluded"));
        };
        let octets = body.as_bytes();
        let scheme = &self.scheme.get().scheme;
        let covered = detached(body.py(), octets.len(), || scheme.conclude(&self.claim, octets, milliseconds(now)))?;
        let claims = self.claim.claims();
        Ok(Verified {
            key_id: key_id.clone(),
            scheme: scheme.name().to_owned(),
            covered,
            created: claims.created.as_ref().map(|created| created.milliseconds.div_euclid(1000)),
            nonce: claims.nonce.clone(),
            message_id: claims.message_id.clone(),
            body: body.clone().unbind(),
        })
    }

    fn __repr__(&self) -> String {
        format!("<Claim {}>", self.scheme.get().scheme.name())
    }
}

/// How a party signs, as data.
#[pyclass(frozen, module = "sealgate._native")]
struct Scheme {
    scheme: schemes::Scheme,
    #[pyo3(get)]
    max_age: Option<i64>,
}

#[pymethods]
impl Scheme {
    #[new]
    #[pyo3(signature = (name, *, base, fields, hash = "sha256", accept_weaknesses = Some(BTreeSet::new()), empty_body = false, max_age = None))]
    fn new(
        name: String,
        base: &str,
        fields: &Bound<'_, PyMapping>,
        hash: &str,
        accept_weaknesses: Option<BTreeSet<String>>,
        empty_body: bool,
        max_age: Option<i64>,
    ) -> PyResult<Self> {
        let mut grammars = Vec::new();
        for pair in fields.items()?.iter() {
            let (field, form): (String, Bound<'_, PyAny>) = pair.extract()?;
            let grammar = if let Ok(members) = form.cast::<Members>() {
                let members = members.get();
                let templates = members.members.iter().map(|text| Template::parse_field(text)).collect::<Result<_, _>>()?;
                Grammar::Members(members.separator, templates)
            } else {
                Grammar::Whole(Template::parse_field(&form.extract::<String>()?)?)
            };
            grammars.push((field, grammar));
        }
        let hash = parse_hash(hash)?;
        let scheme = schemes::Scheme::template(name, hash, base, grammars, accept_weaknesses.as_ref(), empty_body)?;
        Ok(Self { scheme, max_age: checked_age(max_age)? })
    }

    /// HTTP Message Signatures (RFC 9421).
    #[staticmethod]
    #[pyo3(signature = (name = "rfc9421", *, components = None, label = "sig1", tag = None, accept_weaknesses = Some(BTreeSet::new()), max_age = None))]
    fn message_signature(
        name: &str,
        components: Option<Vec<String>>,
        label: &str,
        tag: Option<String>,
        accept_weaknesses: Option<BTreeSet<String>>,
        max_age: Option<i64>,
    ) -> PyResult<Self> {
        let components =
            components.unwrap_or_else(|| ["@method", "@authority", "@path", "@query"].map(str::to_owned).to_vec());
        let accept = accept_weaknesses.as_ref();
        let scheme = schemes::Scheme::message(name.to_owned(), &components, label.to_owned(), tag, accept)?;
        Ok(Self { scheme, max_age: checked_age(max_age)? })
    }

    #[getter]
    fn name(&self) -> &str {
        self.scheme.name()
    }

    #[getter]
    fn covered<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.covered())
    }

    #[getter]
    fn hash(&self) -> &'static str {
        self.scheme.hash().name()
    }

    #[getter]
    fn replay_class(&self) -> &'static str {
        self.scheme.replay_class().name()
    }

    #[getter]
    fn names_key(&self) -> bool {
        self.scheme.names_key()
    }

    #[getter]
    fn needs_origin(&self) -> bool {
        self.scheme.needs_origin()
    }

    #[getter]
    fn signs_body(&self) -> bool {
        self.scheme.signs_body()
    }

    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.fields())
    }

    fn weaknesses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyFrozenSet>> {
        pyo3::types::PyFrozenSet::new(py, self.scheme.weaknesses())
    }

    /// Reads what the request says of itself, and refuses what needs no key to be refused.
    fn claim(
        slf: &Bound<'_, Self>,
        request: &Request,
        origins: Option<&Origins>,
        now: f64,
        max_age: i64,
        body_limit: u64,
    ) -> PyResult<Claim> {
        let terms = Terms { now: milliseconds(now), max_age, body_limit };
        let claim = request.with_fields(slf.py(), |fields| {
            slf.get().scheme.claim(
                request.method.as_bytes(),
                request.target.as_ref().map_err(Clone::clone),
                fields,
                origins.map_or(&[], |origins| &origins.0),
                request.origin.as_ref(),
                terms,
            )
        })?;
        Ok(Claim { scheme: slf.clone().unbind(), claim, proof: OnceLock::new() })
    }

    /// The header fields to add.
    fn sign(
        &self,
        py: Python<'_>,
        request: &Request,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> PyResult<Vec<(String, String)>> {
        Ok(self.signed(py, request, &key.0, key_id, created, nonce)?.fields)
    }

    /// The octets that `sign` signs.
    fn signature_base<'py>(
        &self,
        py: Python<'py>,
        request: &Request,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        // The base does not depend on the key: any will do.
        let key = mac::Key::new(Zeroizing::new(vec![1; 16]), false, false)?;
        Ok(PyBytes::new(py, &self.signed(py, request, &key, key_id, created, nonce)?.base))
    }

    fn __repr__(&self) -> String {
        format!("<Scheme {}>", self.scheme.name())
    }
}

impl Scheme {
    fn signed(
        &self,
        py: Python<'_>,
        request: &Request,
        key: &mac::Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> PyResult<schemes::Signed> {
        let body = request.body.as_ref().map(|body| body.bind(py).as_bytes()).unwrap_or_default();
        let origin = request.origin.as_ref();
        let signed = request.with_fields(py, |fields| {
            let target = request.target.as_ref().map_err(Clone::clone)?;
            let to_sign = ToSign { method: request.method.as_bytes(), target, fields, origin, body };
            self.scheme.sign(to_sign, key, key_id, created, nonce)
        });
        // What cannot be signed is the signer's mistake, not a peer's.
        signed.map_err(|error| PyErr::from(Error { code: Code::Configuration, ..error }))
    }
}

/// A bounded, expiring set of replay keys, for one process.
#[pyclass(frozen, module = "sealgate._native")]
struct ReplaySet(Mutex<replay::ReplaySet>);

#[pymethods]
impl ReplaySet {
    #[new]
    fn new(capacity: usize) -> Self {
        Self(Mutex::new(replay::ReplaySet::new(capacity)))
    }

    /// True if `key` is new, False if it is known or ended before what was already forgotten.
    fn add(&self, key: &[u8], expires: i64, now: i64) -> PyResult<bool> {
        Ok(self.lock()?.add(key, expires, now)?)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.lock()?.len())
    }
}

impl ReplaySet {
    fn lock(&self) -> PyResult<std::sync::MutexGuard<'_, replay::ReplaySet>> {
        self.0.lock().map_err(|_| Error::new(Code::StoreFull, "the replay set is damaged").into())
    }
}

fn detached<T: Send>(py: Python<'_>, size: usize, call: impl FnOnce() -> T + Send) -> T {
    if size < LARGE { call() } else { py.detach(call) }
}

fn parse_hash(name: &str) -> Result<Hash, Error> {
    Hash::parse(name)
}

fn checked_age(max_age: Option<i64>) -> Result<Option<i64>, Error> {
    if max_age.is_some_and(|seconds| seconds <= 0) {
        return Err(Error::configuration("max_age: expected seconds above 0"));
    }
    Ok(max_age)
}

#[allow(clippy::cast_possible_truncation)] // saturates, which is as far from any window as it gets
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).floor() as i64
}

fn one_key(key: &Bound<'_, PyAny>) -> PyResult<Arc<mac::Key>> {
    if let Ok(key) = key.cast::<Key>() {
        return Ok(Arc::clone(&key.get().0));
    }
    Ok(Arc::new(mac::Key::new(key_octets(key)?, false, false)?))
}

fn several_keys(keys: &Bound<'_, PyAny>) -> PyResult<Vec<Arc<mac::Key>>> {
    if keys.is_instance_of::<PyList>() || keys.is_instance_of::<PyTuple>() {
        return keys.try_iter()?.map(|key| one_key(&key?)).collect();
    }
    Ok(vec![one_key(keys)?])
}

fn key_octets(key: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Vec<u8>>> {
    if let Ok(octets) = key.cast::<PyBytes>() {
        return Ok(Zeroizing::new(octets.as_bytes().to_vec()));
    }
    match key.cast::<PyString>().map(|text| text.to_str()) {
        Ok(Ok(text)) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
        _ => Err(Error::configuration("key: expected bytes or str").into()),
    }
}

/// A str as UTF-8; lone surrogates become U+FFFD, which no part of a message may hold.
fn text<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    text.to_str().map_or_else(|_| Cow::Owned(text.to_string_lossy().into_owned()), Cow::Borrowed)
}

/// A str of octets, as WSGI has it (PEP 3333, "Unicode Issues").
fn latin1<'a>(octets: &'a Bound<'_, PyString>) -> Cow<'a, [u8]> {
    match text(octets) {
        Cow::Borrowed(text) if text.is_ascii() => Cow::Borrowed(text.as_bytes()),
        text => {
            let mut buffer = [0; 4];
            let octets = text.chars().flat_map(|character| match u8::try_from(character) {
                Ok(octet) => vec![octet],
                Err(_) => character.encode_utf8(&mut buffer).as_bytes().to_vec(),
            });
            Cow::Owned(octets.collect())
        }
    }
}

fn latin1_text(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

fn octets_of<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(octets) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(octets.as_bytes()));
    }
    match value.cast::<PyString>() {
        Ok(text) => Ok(latin1(text)),
        Err(_) => Err(PyTypeError::new_err("expected str or bytes")),
    }
}

fn push_pairs(headers: &Bound<'_, PyAny>, pairs: &mut FieldPairs) -> PyResult<()> {
    for pair in headers.try_iter()? {
        let pair = pair?;
        let (name, value) = match pair.cast::<PyTuple>() {
            Ok(pair) => (pair.get_item(0)?, pair.get_item(1)?),
            Err(_) => (pair.get_item(0)?, pair.get_item(1)?),
        };
        pairs.push(&octets_of(&name)?, &octets_of(&value)?);
    }
    Ok(())
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{Claim, Key, KeyRing, Members, Origins, ReplaySet, Request, Scheme, Verified};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
