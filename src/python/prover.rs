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
    /// Given what was proven, its replay key, when this ends, whose share it is of, and what `memory` said, unless that it
    /// is new: raises where it is not.
    remember: Option<Py<PyAny>>,
    /// Asked here, without `remember`.
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
    ) -> PyResult<Self> {
        if memory.is_some() && remember.is_none() {
            return Err(Error::configuration("memory: nobody tells what it says").into());
        }
        let has_shares = keys.get().0.key_ids().len() > 1;
        Ok(Self { scheme, keys, origins, clock, max_age, body_limit, remember, memory, has_shares })
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
            let share = verified.get().key_id().filter(|_| self.has_shares);
            let said = match self.memory.as_ref().map(|set| set.get().add(py, &key, expires, share)) {
                Some(Ok(true)) => return Ok(verified),
                Some(Ok(false)) => false.into_pyobject(py)?.to_owned().into_any(),
                Some(Err(error)) => error.into_value(py).into_bound(py).into_any(),
                None => py.None().into_bound(py),
            };
            remember.call1(py, (&verified, PyBytes::new(py, &key), expires, share, said))?;
        }
        Ok(verified)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)?;
        visit.call(&self.remember)?;
        visit.call(&self.memory)
    }
}
