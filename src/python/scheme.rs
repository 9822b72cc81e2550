//! Schemes.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFrozenSet, PyMapping, PyTuple};
use zeroize::Zeroizing;

use super::claim::{Claim, milliseconds, terms};
use super::grammar::grammars_of;
use super::keys::Key;
use super::request::{Origins, Request};
use super::response::Response;
use crate::aws_sigv4::{AwsSigV4, PathRule};
use crate::coverage::Aspect;
use crate::error::{Code, Error};
use crate::json::Form;
use crate::key::{self, KeyForm};
use crate::mac::Hash;
use crate::message_signature::Choices;
use crate::scheme as schemes;
use crate::sign::{ResponseToSign, Signed, ToSign, Upload};
use crate::templates::Carriers;
use crate::verify::{self, ReceivedResponse, Terms};

/// Header fields to add.
type Pairs = Vec<(String, String)>;

/// A text, or several of which any counts.
#[derive(FromPyObject)]
enum OneOrMore {
    One(String),
    Several(Vec<String>),
}

impl OneOrMore {
    fn texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        }
    }
}

/// How a party signs, as data.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Scheme {
    pub(super) scheme: schemes::Scheme,
    #[pyo3(get)]
    max_age: Option<i64>,
}

#[pymethods]
impl Scheme {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // what is converted from Python is owned
    #[allow(clippy::too_many_arguments)] // Python names them
    #[pyo3(signature = (name, *, base, fields = None, query = None, json = None, hash = "sha256", key = "text", accept_weaknesses = Some(BTreeSet::new()), empty_body = false, max_age = None, longest = None, ignored = Vec::new()))]
    fn new(
        name: String,
        base: OneOrMore,
        fields: Option<&Bound<'_, PyMapping>>,
        query: Option<&Bound<'_, PyMapping>>,
        json: Option<&Bound<'_, PyMapping>>,
        hash: &str,
        key: &str,
        accept_weaknesses: Option<BTreeSet<String>>,
        empty_body: bool,
        max_age: Option<i64>,
        longest: Option<i64>,
        ignored: Vec<String>,
    ) -> PyResult<Self> {
        let (fields, query, members) = (grammars_of(fields)?, grammars_of(query)?, grammars_of(json)?);
        let carriers = Carriers { fields, query, members, longest, ignored };
        let (hash, key, accept) = (Hash::parse(hash)?, KeyForm::parse(key)?, accept_weaknesses.as_ref());
        let scheme = schemes::Scheme::template(name, hash, key, &base.texts(), carriers, accept, empty_body)?;
        Ok(Self { scheme, max_age: checked_age(max_age)? })
    }

    /// HTTP Message Signatures (RFC 9421).
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // as above
    #[allow(clippy::too_many_arguments)] // as above
    #[pyo3(signature = (name = "rfc9421", *, components = None, response_components = None, structured_fields = None, label = "sig1", tag = None, nonce = true, accept_weaknesses = Some(BTreeSet::new()), max_age = None))]
    fn message_signature(
        name: &str,
        components: Option<Vec<String>>,
        response_components: Option<Vec<String>>,
        structured_fields: Option<BTreeMap<String, String>>,
        label: &str,
        tag: Option<String>,
        nonce: bool,
        accept_weaknesses: Option<BTreeSet<String>>,
        max_age: Option<i64>,
    ) -> PyResult<Self> {
        let structured_fields = structured_fields.unwrap_or_default().into_iter().collect();
        let label = label.to_owned();
        let choices = Choices { components, response_components, structured_fields, label, tag, nonce };
        let scheme = schemes::Scheme::message(name.to_owned(), choices, accept_weaknesses.as_ref())?;
        Ok(Self { scheme, max_age: checked_age(max_age)? })
    }

    /// AWS Signature Version 4.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // as above
    #[allow(clippy::too_many_arguments)] // as above
    #[pyo3(signature = (name = "aws-sigv4", *, region, service, path = "general", presigned = None, unsigned_payload = false, accept_weaknesses = None, max_age = None))]
    fn aws_sigv4(
        name: &str,
        region: Option<OneOrMore>,
        service: Option<OneOrMore>,
        path: &str,
        presigned: Option<i64>,
        unsigned_payload: bool,
        accept_weaknesses: Option<BTreeSet<String>>,
        max_age: Option<i64>,
    ) -> PyResult<Self> {
        let (region, service) = (region.map(OneOrMore::texts), service.map(OneOrMore::texts));
        let form = AwsSigV4::new(region, service, PathRule::parse(path)?, presigned, unsigned_payload)?;
        let max_age = max_age.unwrap_or(form.max_age());
        let scheme = schemes::Scheme::aws_sigv4(name.to_owned(), form, accept_weaknesses.as_ref())?;
        Ok(Self { scheme, max_age: checked_age(Some(max_age))? })
    }

    #[getter]
    fn accept_signature(&self) -> Option<String> {
        self.scheme.accept_signature()
    }

    #[getter]
    fn name(&self) -> &str {
        self.scheme.name()
    }

    #[getter]
    fn covered<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.coverage().names())
    }

    #[getter]
    fn hash(&self) -> &'static str {
        self.scheme.hash().name()
    }

    #[getter]
    fn replay_class(&self) -> &'static str {
        self.scheme.coverage().replay_class().name()
    }

    #[getter]
    fn names_key(&self) -> bool {
        self.scheme.names_key()
    }

    #[getter]
    fn needs_origin(&self) -> bool {
        [Aspect::Authority, Aspect::Scheme].into_iter().any(|aspect| self.scheme.coverage().has(aspect))
    }

    #[getter]
    fn signs_body(&self) -> bool {
        self.scheme.coverage().has(Aspect::Body) && !self.scheme.may_state_digest()
    }

    #[getter]
    fn body_form(&self) -> Option<&'static str> {
        self.scheme.body_form().map(Form::name).or_else(|| self.scheme.reads_form().then_some("form"))
    }

    #[getter]
    fn longest(&self) -> Option<i64> {
        self.scheme.longest()
    }

    #[getter]
    fn ignored<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.ignored())
    }

    #[getter]
    fn key_form(&self) -> &'static str {
        self.scheme.key_form().name()
    }

    #[getter]
    fn empty_body(&self) -> bool {
        self.scheme.takes_empty_body()
    }

    #[getter]
    fn query<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.query())
    }

    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.fields())
    }

    #[getter]
    fn carrier(&self) -> Option<&str> {
        self.scheme.carrier()
    }

    #[getter]
    fn members<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.members())
    }

    #[getter]
    fn claims_in_body(&self) -> bool {
        self.scheme.claims_in_body()
    }

    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.scheme.params())
    }

    fn weaknesses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        PyFrozenSet::new(py, self.scheme.coverage().weaknesses())
    }

    /// Reads what the request says of itself, and refuses what needs no key to be refused.
    #[pyo3(signature = (request, origins, now, max_age, body_limit, uncovered = None))]
    fn claim(
        slf: &Bound<'_, Self>,
        request: &Request,
        origins: Option<&Origins>,
        now: f64,
        max_age: i64,
        body_limit: u64,
        uncovered: Option<BTreeSet<String>>,
    ) -> PyResult<Claim> {
        let terms = terms(now, max_age, body_limit, uncovered)?;
        Ok(Claim::new(slf.clone().unbind(), slf.get().read(slf.py(), request, origins, terms)?))
    }

    /// As `claim`, of a response to `request`.
    fn claim_response(
        slf: &Bound<'_, Self>,
        response: &Response,
        request: &Request,
        origins: Option<&Origins>,
        now: f64,
        max_age: i64,
        body_limit: u64,
    ) -> PyResult<Claim> {
        let terms =
            Terms { now: milliseconds(now), max_age, body_limit, uncovered_query: false, uncovered_body: false };
        let received = ReceivedResponse {
            status: response.status,
            fields: &response.fields,
            request_body: request.body.as_ref().map(|body| body.bind(slf.py()).as_bytes()),
        };
        let origins = origins.map_or(&[][..], |origins| &origins.0);
        let read = request.with_fields(slf.py(), |fields| {
            slf.get().scheme.claim_response(received, request.received(fields), origins, terms)
        })?;
        Ok(Claim::new(slf.clone().unbind(), read))
    }

    /// The header fields to add to a response to `request`.
    #[allow(clippy::too_many_arguments)] // as above
    fn sign_response(
        &self,
        py: Python<'_>,
        response: &Response,
        request: &Request,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> PyResult<Pairs> {
        let to_sign = ResponseToSign {
            status: response.status,
            fields: &response.fields,
            body: response.body.bind(py).as_bytes(),
            request_body: request.body.as_ref().map(|body| body.bind(py).as_bytes()),
        };
        let signed = request.with_fields(py, |fields| {
            self.scheme.sign_response(to_sign, request.to_sign(py, fields)?, &key.0, key_id, created, nonce)
        });
        // As below.
        Ok(signed.map_err(|error| Error { code: Code::Configuration, ..error })?.fields)
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
    ) -> PyResult<Pairs> {
        let elsewhere = [(self.scheme.claims_in_body(), "body"), (!self.scheme.query().is_empty(), "query")];
        if let Some((_, place)) = elsewhere.iter().find(|(writes, _)| *writes) {
            let message = format!("the scheme {} writes into the {place}: sign the whole request", self.name());
            return Err(Error::configuration(message).into());
        }
        Ok(self.signed(py, request, &key.0, (key_id, created, nonce), (None, &[], None))?.fields)
    }

    /// The header fields to add, and the target and the body to send where they are to be others.
    #[allow(clippy::needless_pass_by_value)] // as above
    #[allow(clippy::too_many_arguments)] // as above
    #[pyo3(signature = (request, key, key_id, created, nonce, expires = None, methods = Vec::new(), upload = None))]
    fn sign_whole<'py>(
        &self,
        py: Python<'py>,
        request: &Request,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
        expires: Option<i64>,
        methods: Vec<String>,
        upload: Option<(String, String, Option<Vec<u8>>)>,
    ) -> PyResult<(Pairs, Option<String>, Option<Bound<'py, PyBytes>>)> {
        let upload = upload.as_ref().map(|(content_type, content_length, content_digest)| Upload {
            content_type,
            content_length,
            content_digest: content_digest.as_deref(),
        });
        let signed = self.signed(py, request, &key.0, (key_id, created, nonce), (expires, &methods, upload))?;
        let target = signed.target.map(|target| String::from_utf8_lossy(&target).into_owned());
        Ok((signed.fields, target, signed.body.map(|body| PyBytes::new(py, &body))))
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
        let key = key::Key::new(Zeroizing::new(vec![1; 16]), false, false)?;
        Ok(PyBytes::new(py, &self.signed(py, request, &key, (key_id, created, nonce), (None, &[], None))?.base))
    }

    fn __repr__(&self) -> String {
        format!("<Scheme {}>", self.scheme.name())
    }
}

impl Scheme {
    pub(super) fn read(
        &self,
        py: Python<'_>,
        request: &Request,
        origins: Option<&Origins>,
        terms: Terms,
    ) -> Result<verify::Claim, Error> {
        let origins = origins.map_or(&[][..], |origins| &origins.0);
        request.with_fields(py, |fields| self.scheme.claim(request.received(fields), origins, terms))
    }

    fn signed(
        &self,
        py: Python<'_>,
        request: &Request,
        key: &key::Key,
        (key_id, created, nonce): (Option<&str>, i64, &str),
        (expires, methods, upload): (Option<i64>, &[String], Option<Upload<'_>>),
    ) -> PyResult<Signed> {
        let signed = request.with_fields(py, |fields| {
            let to_sign = ToSign { expires, methods, upload, ..request.to_sign(py, fields)? };
            self.scheme.sign(to_sign, key, key_id, created, nonce)
        });
        // What cannot be signed is the signer's mistake, not a peer's.
        signed.map_err(|error| PyErr::from(Error { code: Code::Configuration, ..error }))
    }
}

fn checked_age(max_age: Option<i64>) -> Result<Option<i64>, Error> {
    if max_age.is_some_and(|seconds| seconds <= 0) {
        return Err(Error::configuration("max_age: expected seconds above 0"));
    }
    Ok(max_age)
}
