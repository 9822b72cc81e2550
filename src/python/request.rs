//! Requests, from Python's own pairs, a WSGI environment or an ASGI scope.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyMapping, PyString};

use super::fields::{EnvironFields, pairs_of};
use super::text::{latin1, latin1_text, octets_of, text};
use crate::error::Error;
use crate::fields::{FieldPairs, Fields};
use crate::request::Params;
use crate::sign::ToSign;
use crate::target::{Origin, Target};
use crate::verify::Received;

/// The origins that this service answers for.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Origins(pub(super) Vec<Origin>);

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
        Ok(Self(texts.iter().map(|text| Origin::parse(text)).collect::<Result<_, _>>()?))
    }

    fn __repr__(&self) -> String {
        let texts: Vec<String> = self.0.iter().map(Origin::text).collect();
        format!("<Origins {}>", texts.join(" "))
    }
}

/// A request as it is signed or received.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Request {
    method: String,
    target: Result<Target, Box<NoTarget>>,
    headers: Headers,
    pub(super) body: Option<Py<PyBytes>>,
    origin: Option<Box<Origin>>,
    params: Option<Box<Params>>,
}

/// What was received, and why it is no target.
struct NoTarget(Vec<u8>, Error);

enum Headers {
    Pairs(FieldPairs),
    Environ(Py<PyDict>),
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (method, target, headers = None, body = None, *, origin = None, params = None))]
    fn new(
        method: &Bound<'_, PyString>,
        target: &Bound<'_, PyAny>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyBytes>>,
        origin: Option<&Bound<'_, PyString>>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let raw = octets_of(target)?;
        let pairs = headers.map(pairs_of).transpose()?.unwrap_or_default();
        Ok(Self {
            method: text(method).into_owned(),
            target: Target::parse(&raw).map_err(|error| Box::new(NoTarget(raw.into_owned(), error))),
            headers: Headers::Pairs(pairs),
            body: Some(body.map_or_else(|| PyBytes::new(method.py(), b"").unbind(), |body| body.clone().unbind())),
            origin: origin.map(|origin| Origin::parse(&text(origin)).map(Box::new)).transpose()?,
            params: params.map(params_of).transpose()?,
        })
    }

    /// A request received by a WSGI server (PEP 3333).
    #[staticmethod]
    #[pyo3(signature = (environ, path = None, *, params = None))]
    fn from_wsgi(
        environ: &Bound<'_, PyDict>,
        path: Option<&Bound<'_, PyString>>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = environ.py();
        let get = |name: &Bound<'_, PyString>| -> PyResult<Option<Vec<u8>>> {
            match environ.get_item(name)? {
                Some(value) => Ok(Some(latin1(value.cast::<PyString>()?).into_owned())),
                None => Ok(None),
            }
        };
        let routed = if let Some(path) = path {
            text(path).into_owned().into_bytes()
        } else {
            let mounted = get(intern!(py, "SCRIPT_NAME"))?.unwrap_or_default();
            [mounted, get(intern!(py, "PATH_INFO"))?.unwrap_or_default()].concat()
        };
        let raw = match get(intern!(py, "RAW_URI"))? {
            Some(raw) => Some(raw),
            None => get(intern!(py, "REQUEST_URI"))?,
        };
        let query = get(intern!(py, "QUERY_STRING"))?.unwrap_or_default();
        let method = get(intern!(py, "REQUEST_METHOD"))?.unwrap_or_default();
        let target = Target::received(raw.as_deref(), &routed, &query);
        Ok(Self {
            method: String::from_utf8_lossy(&method).into_owned(),
            target: target.map_err(|error| Box::new(NoTarget(raw.unwrap_or(routed), error))),
            headers: Headers::Environ(environ.clone().unbind()),
            body: None,
            origin: None,
            params: params.map(params_of).transpose()?,
        })
    }

    /// A request received by an ASGI server: an `http` or `websocket` scope.
    #[staticmethod]
    #[pyo3(signature = (scope, *, params = None))]
    fn from_asgi(scope: &Bound<'_, PyDict>, params: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let py = scope.py();
        let octets = |name: &Bound<'_, PyString>| -> PyResult<Option<Vec<u8>>> {
            match scope.get_item(name)? {
                Some(value) if !value.is_none() => Ok(Some(value.cast::<PyBytes>()?.as_bytes().to_vec())),
                _ => Ok(None),
            }
        };
        let routed = match scope.get_item(intern!(py, "path"))? {
            Some(path) => text(path.cast::<PyString>()?).into_owned().into_bytes(),
            None => Vec::new(),
        };
        let query = octets(intern!(py, "query_string"))?.unwrap_or_default();
        let raw = octets(intern!(py, "raw_path"))?
            .map(|path| if query.is_empty() { path } else { [path, query.clone()].join(&b'?') });
        // RFC 6455, 4.1: a WebSocket handshake is a GET.
        let method = match scope.get_item(intern!(py, "method"))? {
            Some(method) => text(method.cast::<PyString>()?).into_owned(),
            None => "GET".to_owned(),
        };
        let target = Target::received(raw.as_deref(), &routed, &query);
        let headers = scope.get_item(intern!(py, "headers"))?;
        let pairs = headers.as_ref().map(pairs_of).transpose()?.unwrap_or_default();
        Ok(Self {
            method,
            target: target.map_err(|error| Box::new(NoTarget(raw.unwrap_or(routed), error))),
            headers: Headers::Pairs(pairs),
            body: None,
            origin: None,
            params: params.map(params_of).transpose()?,
        })
    }

    #[getter]
    fn method(&self) -> &str {
        &self.method
    }

    /// The target as received, or rebuilt from the decoded path where the server gives no raw one.
    #[getter]
    fn target(&self) -> String {
        latin1_text(&self.target.as_ref().map_or_else(|none| none.0.clone(), Target::text))
    }

    #[getter]
    fn path(&self) -> String {
        let path = |raw: &Vec<u8>| raw.split(|octet| *octet == b'?').next().map(latin1_text).unwrap_or_default();
        self.target.as_ref().map_or_else(|none| path(&none.0), |target| latin1_text(target.shown_path()))
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
        self.origin.as_deref().map(Origin::text)
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.body.as_ref().map(|body| body.clone_ref(py))
    }

    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(params) = &self.params else { return Ok(None) };
        let copy = PyDict::new(py);
        params.iter().try_for_each(|(name, value)| copy.set_item(name, value))?;
        Ok(Some(copy))
    }

    fn __repr__(&self) -> String {
        format!("<Request {:?} {:?}>", self.method, self.path())
    }
}

impl Request {
    /// What the route matched; nothing, where it was not asked.
    fn matched(&self) -> &Params {
        self.params.as_deref().unwrap_or_default()
    }

    /// As a verifier reads it.
    pub(super) fn received<'a>(&'a self, fields: &'a dyn Fields) -> Received<'a> {
        Received {
            method: self.method.as_bytes(),
            target: self.target.as_ref().map_err(|none| none.1.clone()),
            fields,
            origin: self.origin.as_deref(),
            params: self.matched(),
        }
    }

    /// As a signer reads it.
    pub(super) fn to_sign<'a>(&'a self, py: Python<'a>, fields: &'a dyn Fields) -> Result<ToSign<'a>, Error> {
        Ok(ToSign {
            method: self.method.as_bytes(),
            target: self.target.as_ref().map_err(|none| none.1.clone())?,
            fields,
            origin: self.origin.as_deref(),
            params: self.matched(),
            body: self.body.as_ref().map(|body| body.bind(py).as_bytes()).unwrap_or_default(),
            expires: None,
            methods: &[],
            upload: None,
        })
    }

    pub(super) fn with_fields<T>(&self, py: Python<'_>, call: impl FnOnce(&dyn Fields) -> T) -> T {
        match &self.headers {
            Headers::Pairs(pairs) => call(pairs),
            Headers::Environ(environ) => call(&EnvironFields(environ.bind(py).clone())),
        }
    }
}

/// What the route matched: text, not what a converter made of it.
fn params_of(params: &Bound<'_, PyAny>) -> PyResult<Box<Params>> {
    let wrong = || PyTypeError::new_err("params: expected a mapping of str to str");
    let items = params.cast::<PyMapping>().map_err(|_| wrong())?.items()?;
    let pair = |pair: Bound<'_, PyAny>| {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
        let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else { return Err(wrong()) };
        Ok((text(name).into_owned(), text(value).into_owned()))
    };
    items.iter().map(pair).collect()
}
