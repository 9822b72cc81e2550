//! A claim, and what it becomes once it is proven.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::detached;
use super::json::bytes_of;
use super::keys::KeyRing;
use super::scheme::Scheme;
use crate::content::{Content, ReadBody};
use crate::error::{Code, Error};
use crate::key::Lifetime;
use crate::mac::Hash;
use crate::ring;
use crate::scheme;
use crate::verify::{self, Proof, Proven, Terms};

/// A request that was proven.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Verified {
    scheme: Py<Scheme>,
    /// Its signature, its digest and its coverage hold.
    proven: Proven,
    key_id: Option<String>,
    body: Body,
}

/// What was proven.
enum Body {
    Octets(Py<PyBytes>),
    /// It is not in memory: what keeps it, and gives its digests.
    Spooled(Py<PyAny>),
}

#[pymethods]
impl Verified {
    #[getter]
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    #[getter]
    fn scheme(&self) -> &str {
        self.scheme.get().scheme.name()
    }

    #[getter]
    fn covered<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.names())
    }

    #[getter]
    fn created(&self) -> Option<i64> {
        self.proven.created
    }

    #[getter]
    fn nonce(&self) -> Option<&str> {
        self.proven.nonce.as_deref()
    }

    #[getter]
    fn message_id(&self) -> Option<&str> {
        self.proven.message_id.as_deref()
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        match &self.body {
            Body::Octets(octets) => Ok(octets.clone_ref(py)),
            Body::Spooled(_) => Err(Error::configuration("the body is in a file: read the request's stream").into()),
        }
    }

    #[getter]
    fn spooled(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.body {
            Body::Octets(_) => None,
            Body::Spooled(spooled) => Some(spooled.clone_ref(py)),
        }
    }

    #[getter]
    fn query(&self) -> Option<Cow<'_, str>> {
        self.proven.query.as_deref().map(String::from_utf8_lossy)
    }

    fn __repr__(&self) -> String {
        let key_id = self.key_id().unwrap_or("anonymous");
        format!("<Verified {} by {key_id:?} covering {}>", self.scheme(), self.names().join(" "))
    }
}

impl Verified {
    fn names(&self) -> Vec<&str> {
        self.scheme.get().scheme.covered(&self.proven)
    }

    /// What was proven in one go, of a request with this body.
    pub(super) fn new(
        scheme: &Bound<'_, Scheme>,
        claim: &verify::Claim,
        proof: &Proof,
        ring: &ring::KeyRing,
        body: &Bound<'_, PyBytes>,
    ) -> PyResult<Self> {
        Ok(Self {
            body: Body::Octets(proven(&scheme.get().scheme, proof.read.as_ref(), body)?.unbind()),
            scheme: scheme.clone().unbind(),
            key_id: ring.key_id(proof.signer).map(str::to_owned),
            proven: scheme.get().scheme.proven(claim),
        })
    }
}

/// What a request says of itself, unproven.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Claim {
    scheme: Py<Scheme>,
    read: verify::Claim,
    /// The body and what was read of it, where that is what is signed.
    body: OnceLock<(Py<PyBytes>, ReadBody)>,
    /// Whose key it was, once that is proven.
    signer: OnceLock<Signer>,
}

/// The ring's id of a key, and when the key counts.
struct Signer {
    place: ring::Signer,
    key_id: Option<String>,
    lifetime: Lifetime,
}

#[pymethods]
impl Claim {
    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.read.key_id()
    }

    #[getter]
    fn body_limit(&self) -> u64 {
        self.read.body_limit()
    }

    #[getter]
    fn signs_body(&self) -> bool {
        self.scheme.get().scheme.signs_body(&self.read)
    }

    /// The claim with what the body says of itself, for a scheme that has `claims_in_body`; and its window.
    fn with_body(slf: &Bound<'_, Self>, body: &Bound<'_, PyBytes>, now: f64) -> PyResult<Self> {
        let (claim, octets) = (slf.get(), body.as_bytes());
        let scheme = &claim.scheme.get().scheme;
        let (read, signed) =
            detached(slf.py(), octets.len(), || scheme.read_claims(&claim.read, octets, milliseconds(now)))?;
        let body = signed.map_or_else(OnceLock::new, |signed| OnceLock::from((body.clone().unbind(), signed)));
        Ok(Self { scheme: claim.scheme.clone_ref(slf.py()), read, body, signer: OnceLock::new() })
    }

    /// After `authenticate`: the replay key (32 bytes) and the Unix second from which it may be forgotten, or None.
    fn replay_key<'py>(&self, py: Python<'py>, body: &[u8]) -> PyResult<Option<(Bound<'py, PyBytes>, i64)>> {
        let key_id = self.signer.get().ok_or_else(not_authenticated)?.key_id.as_deref();
        let scheme = &self.scheme.get().scheme;
        let content = self.content(py, body);
        let replay = detached(py, body.len(), || scheme.replay_key(&self.read, key_id, content));
        Ok(replay.map(|(key, expires)| (PyBytes::new(py, &key), expires)))
    }

    /// Checks the signature against every candidate key; `body` only where `signs_body`.
    fn authenticate(&self, py: Python<'_>, keys: &KeyRing, body: Option<&Bound<'_, PyBytes>>) -> PyResult<()> {
        let scheme = &self.scheme.get().scheme;
        let octets = body.map(PyBytesMethods::as_bytes).unwrap_or_default();
        match (self.body.get(), body) {
            (Some((read, _)), body) if !body.is_some_and(|body| read.is(body)) => return Err(other_body()),
            (None, Some(body)) => {
                if let Some(members) = detached(py, octets.len(), || scheme.read_body(&self.read, octets))? {
                    self.body.set((body.clone().unbind(), members)).map_err(|_| authenticated_once())?;
                }
            }
            _ => {}
        }
        let content = self.content(py, octets);
        let signer = detached(py, octets.len(), || scheme.authenticate(&self.read, &keys.0, content))?;
        let signer = Signer {
            place: signer,
            key_id: keys.0.key_id(signer).map(str::to_owned),
            lifetime: keys.0.lifetime(signer),
        };
        self.signer.set(signer).map_err(|_| authenticated_once())
    }

    /// After `authenticate` with these keys: the signature octets of `token`, by the key that was found.
    fn sign_token<'py>(&self, py: Python<'py>, keys: &KeyRing, token: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let signer = self.signer.get().ok_or_else(not_authenticated)?;
        let signature = keys.0.sign_token(signer.place, self.scheme.get().scheme.hash(), token)?;
        Ok(PyBytes::new(py, signature.octets()))
    }

    /// Checks the digest, the coverage, and again the window and the key's.
    fn conclude(slf: &Bound<'_, Self>, body: &Bound<'_, PyBytes>, now: f64) -> PyResult<Verified> {
        let claim = slf.get();
        claim.check_lifetime(now)?;
        let octets = body.as_bytes();
        let scheme = &claim.scheme.get().scheme;
        detached(slf.py(), octets.len(), || scheme.conclude(&claim.read, octets, milliseconds(now)))?;
        claim.concluded(slf.py(), Body::Octets(claim.proven(body)?.unbind()))
    }

    /// As `conclude`, of a body that is not in memory.
    fn conclude_spooled(slf: &Bound<'_, Self>, spooled: &Bound<'_, PyAny>, now: f64) -> PyResult<Verified> {
        let claim = slf.get();
        claim.check_lifetime(now)?;
        let scheme = &claim.scheme.get().scheme;
        if scheme.signs_body(&claim.read) || claim.body.get().is_some() || scheme.body_form().is_some() {
            return Err(other_body());
        }
        let digest_of = |hash: Hash| spooled.call_method1("digest", (hash.name(),))?.extract::<Vec<u8>>();
        let size = spooled.getattr("size")?.extract()?;
        scheme.conclude_digests(&claim.read, size, digest_of, milliseconds(now))?;
        claim.concluded(slf.py(), Body::Spooled(spooled.clone().unbind()))
    }

    fn __repr__(&self) -> String {
        format!("<Claim {}>", self.scheme.get().scheme.name())
    }
}

impl Claim {
    /// What `scheme` has read of a request.
    pub(super) fn new(scheme: Py<Scheme>, read: verify::Claim) -> Self {
        Self { scheme, read, body: OnceLock::new(), signer: OnceLock::new() }
    }

    fn concluded(&self, py: Python<'_>, body: Body) -> PyResult<Verified> {
        Ok(Verified {
            scheme: self.scheme.clone_ref(py),
            proven: self.scheme.get().scheme.proven(&self.read),
            key_id: self.signer.get().ok_or_else(not_authenticated)?.key_id.clone(),
            body,
        })
    }

    /// Whether the key that was found counts at the end too.
    fn check_lifetime(&self, now: f64) -> PyResult<()> {
        let signer = self.signer.get().ok_or_else(not_authenticated)?;
        if signer.lifetime.holds(milliseconds(now)) {
            return Ok(());
        }
        Err(Error::new(Code::InvalidSignature, "the key ended while the body was read").into())
    }

    /// What is signed of `body`, the body that was authenticated.
    fn content<'a>(&'a self, py: Python<'a>, body: &'a [u8]) -> Content<'a> {
        match self.body.get() {
            Some((received, read)) => Content::new(received.as_bytes(py), Some(read)),
            None => Content::received(body),
        }
    }

    /// The very octets that were proven: `body`, or what was read of it.
    fn proven<'py>(&self, body: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyBytes>> {
        let read = match self.body.get() {
            Some((received, _)) if !received.is(body) => return Err(other_body()),
            read => read.map(|(_, read)| read),
        };
        proven(&self.scheme.get().scheme, read, body)
    }
}

/// What the application is handed: `body`, or what was read of it.
fn proven<'py>(
    scheme: &scheme::Scheme,
    read: Option<&ReadBody>,
    body: &Bound<'py, PyBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (py, octets) = (body.py(), body.as_bytes());
    match read {
        Some(ReadBody::Members(selected)) => Ok(PyBytes::new(py, selected.object())),
        Some(ReadBody::Form(form)) => Ok(PyBytes::new(py, form.canonical())),
        Some(ReadBody::Canonical(canonical)) if !canonical.is_whole(octets) => bytes_of(py, canonical, octets),
        None if scheme.body_form().is_some() && !octets.is_empty() => Err(other_body()),
        _ => Ok(body.clone()),
    }
}

fn other_body() -> PyErr {
    PyRuntimeError::new_err("not the body that was authenticated")
}

fn not_authenticated() -> PyErr {
    PyRuntimeError::new_err("the claim has not been authenticated")
}

fn authenticated_once() -> PyErr {
    PyRuntimeError::new_err("a claim is authenticated once")
}

/// What a request is read with. `now`: Unix seconds; `uncovered`: of `query` and `body`.
pub(super) fn terms(
    now: f64,
    max_age: i64,
    body_limit: u64,
    uncovered: Option<BTreeSet<String>>,
) -> Result<Terms, Error> {
    let uncovered = uncovered.unwrap_or_default();
    if !uncovered.iter().all(|part| part == "query" || part == "body") {
        return Err(Error::configuration("uncovered: expected a set of query, body, or both"));
    }
    Ok(Terms {
        now: milliseconds(now),
        max_age,
        body_limit,
        uncovered_query: uncovered.contains("query"),
        uncovered_body: uncovered.contains("body"),
    })
}

/// A clock that gives no number is past the end of everything.
#[allow(clippy::cast_possible_truncation)] // saturates, which is as far from any window as it gets
pub(super) fn milliseconds(seconds: f64) -> i64 {
    if seconds.is_nan() { i64::MAX } else { (seconds * 1000.0).floor() as i64 }
}
