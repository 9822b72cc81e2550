//! All the steps in one call, where nothing has to be waited for.

use std::collections::BTreeSet;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::claim::{Verified, terms};
use super::detached;
use super::keys::KeyRing;
use super::replay::ReplaySet;
use super::request::{Origins, Request};
use super::scheme::Scheme;
use crate::content::Content;
use crate::error::Error;

/// What one verifier proves requests with.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Prover {
    scheme: Py<Scheme>,
    keys: Py<KeyRing>,
    origins: Option<Py<Origins>>,
    clock: Py<PyAny>,
    max_age: i64,
    body_limit: u64,
    /// Given what was proven, its replay key, when this ends, and whose share it is of: raises where it is not new.
    remember: Option<Py<PyAny>>,
    /// Asked first, where it is what `remember` asks.
    memory: Option<Py<ReplaySet>>,
    /// One key id among others may not fill the store for all of them.
    has_shares: bool,
}

#[pymethods]
impl Prover {
    #[new]
    #[allow(clippy::too_many_arguments)] // Python names them
    #[pyo3(signature = (scheme, keys, origins, clock, max_age, body_limit, remember = None, memory = None))]
    fn new(
        scheme: Py<Scheme>,
        keys: Py<KeyRing>,
        origins: Option<Py<Origins>>,
        clock: Py<PyAny>,
        max_age: i64,
        body_limit: u64,
        remember: Option<Py<PyAny>>,
        memory: Option<Py<ReplaySet>>,
    ) -> Self {
        let has_shares = keys.get().0.key_ids().len() > 1;
        Self { scheme, keys, origins, clock, max_age, body_limit, remember, memory, has_shares }
    }

    /// The proof of a request whose body is at hand.
    #[pyo3(signature = (request, uncovered = None, /))]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        request: &Request,
        uncovered: Option<BTreeSet<String>>,
    ) -> PyResult<Bound<'py, Verified>> {
        let now = self.clock.call0(py)?.extract(py)?;
        let terms = terms(now, self.max_age, self.body_limit, uncovered)?;
        let scheme = &self.scheme.get().scheme;
        let mut claim = self.scheme.get().read(py, request, self.origins.as_ref().map(Py::get), terms)?;
        let received = request.body.as_ref().map(|body| body.bind(py));
        let octets = received.map(PyBytesMethods::as_bytes);
        let ring = &self.keys.get().0;
        let (proof, replay) = detached(py, octets.map_or(0, <[u8]>::len), || {
            let proof = scheme.prove(&mut claim, ring, octets, self.body_limit)?;
            let content = Content::new(octets.unwrap_or_default(), proof.read.as_ref());
            let once = self.remember.is_some();
            let replay = once.then(|| scheme.replay_key(&claim, ring.key_id(proof.signer), content)).flatten();
            Ok::<_, Error>((proof, replay))
        })?;
        let Some(body) = received else { unreachable!("a proof is of a body") };
        let verified = Bound::new(py, Verified::new(self.scheme.bind(py), &claim, &proof, ring, body)?)?;
        if let (Some(remember), Some((key, expires))) = (&self.remember, replay) {
            // Whatever this says but that the key is new, it says again below, where it is told.
            let share = verified.get().key_id().filter(|_| self.has_shares);
            let is_new = |set: &Py<ReplaySet>| set.get().add(py, &key, expires, share).unwrap_or(false);
            if !self.memory.as_ref().is_some_and(is_new) {
                remember.call1(py, (&verified, PyBytes::new(py, &key), expires, share))?;
            }
        }
        Ok(verified)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)?;
        visit.call(&self.remember)?;
        visit.call(&self.memory)
    }
}
