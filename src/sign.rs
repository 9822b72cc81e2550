//! Signing: the same templates and components, read in the other direction.

mod response;
mod upload;

use std::borrow::Cow;

use crate::aws_sigv4;
use crate::claims::{ClaimName, Claims};
use crate::content::{Content, check_form_fields, check_json_fields, read_document};
use crate::coverage::Aspect;
use crate::error::{Error, Result};
use crate::fields::{Fields, HOST, WithField};
use crate::grammar::Grammar;
use crate::json::{Form as JsonForm, write_string};
use crate::key::Key;
use crate::mac::Signature;
use crate::message_signature::Message;
use crate::part::Source;
use crate::request::{Params, Request, check_method};
use crate::scheme::{Form, Scheme};
use crate::target::{Origin, Target};
use crate::template::Template;
use crate::templates::{OwnField, OwnMember, Templates};

pub use response::ResponseToSign;
pub use upload::Upload;

/// A request to sign.
#[derive(Clone, Copy)]
pub struct ToSign<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target.
    pub target: &'a Target,
    /// The header fields so far.
    pub fields: &'a dyn Fields,
    /// The origin it is for; where there is none, the Host field says so.
    pub origin: Option<&'a Origin>,
    /// What the route will match.
    pub params: &'a Params,
    /// The body.
    pub body: &'a [u8],
    /// When the signature is to end, in Unix seconds, where the scheme says so; of a link a minute later if omitted.
    pub expires: Option<i64>,
    /// The methods that a link is for; if there are none, that of the request.
    pub methods: &'a [String],
    /// What a link is to upload; None: the body itself.
    pub upload: Option<Upload<'a>>,
}

impl<'a> ToSign<'a> {
    /// What the Host field says, where no origin is named.
    fn own_origin(&self) -> Result<Option<Origin>> {
        match (self.origin, self.fields.get(&HOST)?) {
            (None, Some(host)) => Origin::parse(&format!("https://{}", String::from_utf8_lossy(&host))).map(Some),
            _ => Ok(None),
        }
    }

    /// The request, for the origin it names, or else for `own`.
    fn request<'b>(&self, own: Option<&'b Origin>) -> Result<Request<'b>>
    where
        'a: 'b,
    {
        let Self { method, target, fields, origin, params, .. } = *self;
        check_method(method)?;
        Ok(Request { method, target, fields, origin: origin.or(own), params })
    }
}

/// A signature base, the fields to add, and the target and the body where they are to be others.
pub struct Signed {
    /// The octets that were signed.
    pub base: Vec<u8>,
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// The target with the claims in it, where its query carries them.
    pub target: Option<Vec<u8>>,
    /// The canonical form of the body with the claims in it, where members carry them.
    pub body: Option<Vec<u8>>,
}

impl Scheme {
    /// The fields to add, and the signature base behind them.
    pub fn sign(
        &self,
        to_sign: ToSign<'_>,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> Result<Signed> {
        let own = to_sign.own_origin()?;
        let request = to_sign.request(own.as_ref())?;
        let fields = request.fields;
        let with_host = WithField {
            fields,
            name: &HOST,
            value: request.origin.map(|origin| origin.authority().to_owned()).unwrap_or_default(),
        };
        let adds_host =
            self.coverage.has(Aspect::Authority) && fields.get(&HOST)?.is_none() && request.origin.is_some();
        let fields: &dyn Fields = if adds_host { &with_host } else { fields };
        let own = ToSign { fields, origin: request.origin, ..to_sign };
        let mut signed = self.sign_request(&own, key, key_id, created, nonce)?;
        if adds_host {
            signed.fields.insert(0, ("Host".to_owned(), with_host.value.clone()));
        }
        Ok(signed)
    }

    fn sign_request(
        &self,
        to_sign: &ToSign<'_>,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> Result<Signed> {
        let request = &to_sign.request(None)?;
        let body = to_sign.body;
        match &self.form {
            Form::Template(templates) => self.sign_templates(templates, to_sign, key, key_id, created, nonce),
            Form::Message(policy) => {
                let (base, fields) = policy.sign(Message::Request(*request), body, key, key_id, created, nonce)?;
                Ok(Signed { base, fields, target: None, body: None })
            }
            Form::AwsSigV4(own) => {
                let aws_sigv4::Written { base, fields, target } = own.sign(request, body, key, key_id, created)?;
                Ok(Signed { base, fields, target, body: None })
            }
        }
    }

    fn sign_templates(
        &self,
        templates: &Templates,
        to_sign: &ToSign<'_>,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> Result<Signed> {
        let Templates { query, members, longest, .. } = templates;
        let (request, body) = (&to_sign.request(None)?, to_sign.body);
        let base = templates.base();
        let grammars: Vec<&Grammar> = templates.grammars().collect();
        let carriers: Vec<&Template> = grammars.iter().flat_map(|grammar| grammar.templates()).collect();
        let says_methods = templates.carried().any(|hole| hole.source == Source::Claim(ClaimName::Methods));
        let methods = if says_methods { methods_of(to_sign)? } else { String::new() };
        let ends = to_sign.expires.or(longest.map(|longest| created.saturating_add(longest.min(LINK_LASTS))));
        let mut claims = base.claims(&carriers, key_id, (created, ends), &methods, nonce)?;
        if let Some(longest) = longest {
            claims
                .end_itself(*longest)
                .map_err(|_| Error::configuration("expires: not within what a link may last"))?;
        }
        to_sign.state_content(templates, self.hash, &mut claims)?;
        // A claim that is signed with the member around it has to be there first; a signature signs no other.
        let unsigned = Signature::from_octets(&[0; 64][..self.hash.size()]);
        let mut target = Cow::Borrowed(request.target);
        let is_claim = |(_, grammar): &&(String, Grammar)| grammar.holes().all(|hole| hole.source != Source::Signature);
        for (name, grammar) in query.iter().filter(is_claim) {
            let value = grammar.write(&claims, &unsigned)?;
            match target.parameter(name)? {
                None => target = Cow::Owned(target.with_parameter(name, &value)?),
                Some(given) if given == value.as_bytes() => {}
                Some(_) => return Err(Error::configuration(format!("the query has another {name}"))),
            }
        }
        if let Some(name) = templates.signature_parameter().filter(|name| !matches!(target.parameter(name), Ok(None))) {
            return Err(Error::configuration(format!("the query has a {name} already")));
        }
        let request = &Request { target: &target, ..*request };
        let rendered = base.render(request, &claims)?;
        let form = base.body_form().filter(|_| !body.is_empty());
        if form.is_some() || !members.is_empty() {
            check_json_fields(request.fields)?;
        }
        if base.reads_form() && !body.is_empty() {
            check_form_fields(request.fields)?;
        }
        let claimed = match members.as_slice() {
            [] => None,
            members => Some(written_into(body, form, members, &claims, &unsigned)?),
        };
        let body = claimed.as_deref().unwrap_or(body);
        let read = self.read_signed(body)?;
        let content = Content::new(body, read.as_ref());
        rendered.check(content)?;
        let mut octets = Vec::new();
        rendered.write(content, &mut octets);
        let derived = self.link_key(key);
        let signature = derived.as_ref().unwrap_or(key).sign(self.hash, &octets);
        // A key id that holds the text around it would be read as another one.
        let mut again = Claims::default();
        for grammar in grammars {
            grammar.read(grammar.write(&claims, &signature)?.as_bytes(), self.hash, &mut again)?;
        }
        if again.key_id != claims.key_id {
            return Err(Error::configuration("key_id: cannot be told from the text around it"));
        }
        let write = |field: &OwnField| Ok((field.written.clone(), field.grammar.write(&claims, &signature)?));
        let body = match claimed {
            Some(body) => Some(written_into(&body, form, members, &claims, &signature)?),
            None => None,
        };
        if let Some((name, grammar)) = query.last().filter(|last| !is_claim(last)) {
            target = Cow::Owned(target.with_parameter(name, &grammar.write(&claims, &signature)?)?);
        }
        Ok(Signed {
            base: octets,
            fields: templates.written().map(write).collect::<Result<_>>()?,
            target: (!query.is_empty()).then(|| target.text()),
            body,
        })
    }
}

/// Seconds that a link lasts if nobody says how long.
const LINK_LASTS: i64 = 60;

/// The methods to sign for, a dot between them.
fn methods_of(to_sign: &ToSign<'_>) -> Result<String> {
    let own = [String::from_utf8_lossy(to_sign.method).into_owned()];
    let methods = if to_sign.methods.is_empty() { &own } else { to_sign.methods };
    for method in methods {
        check_method(method.as_bytes())?;
        // RFC 9110, 5.6.2: a token may have one, and would be two methods here.
        if method.contains('.') {
            return Err(Error::configuration(format!("methods: a link is for none with a dot: {method}")));
        }
    }
    Ok(methods.join("."))
}

/// The canonical form of `body` with the claims in its members.
fn written_into(
    body: &[u8],
    form: Option<JsonForm>,
    members: &[OwnMember],
    claims: &Claims,
    signature: &Signature,
) -> Result<Vec<u8>> {
    let form = form.unwrap_or_default();
    let mut document = read_document(body, form)?;
    for OwnMember { pointer, grammar } in members {
        let mut value = Vec::new();
        let text = grammar.write(claims, signature)?;
        match grammar {
            Grammar::Whole(template) if template.is_number() => value.extend_from_slice(text.as_bytes()),
            _ => write_string(&text, form, &mut value),
        }
        let closed = || Error::configuration(format!("body: no place for the member {}", pointer.text()));
        document = document.with(pointer, &value)?.ok_or_else(closed)?;
    }
    Ok(document.octets().to_vec())
}
