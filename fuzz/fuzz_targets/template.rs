//! Templates: a field template, a base template, a field's value, a line each; then a message.
#![no_main]

use _native::claims::Claims;
use _native::content::Content;
use _native::error::Code;
use _native::grammar::Grammar;
use _native::mac::Hash;
use _native::request::Request;
use _native::target::Target;
use _native::template::Template;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{Message, ORIGIN, cut, signature};

fuzz_target!(|text: &[u8]| {
    let (field, rest) = cut(text, b'\n');
    let (base, rest) = cut(rest, b'\n');
    let (value, message) = cut(rest, b'\n');
    let (Ok(field), Ok(base)) = (std::str::from_utf8(field), std::str::from_utf8(base)) else { return };
    let claims = read(field, value);
    members(field, value);
    match Template::parse_base(base) {
        Err(error) => assert_eq!(Code::Configuration, error.code),
        Ok(base) => render(&base, &claims.unwrap_or_default(), &Message::parse(message)),
    }
});

fn read(field: &str, value: &[u8]) -> Option<Claims> {
    let template = match Template::parse_field(field) {
        Ok(template) => template,
        Err(error) => {
            assert_eq!(Code::Configuration, error.code);
            return None;
        }
    };
    let mut claims = Claims::default();
    if let Err(error) = template.read(value, Hash::Sha256, &mut claims) {
        assert_eq!(Code::SignatureMalformed, error.code);
        return None;
    }
    // One message has one text: what was read is written just as it was.
    if (claims.given, claims.signatures.len()) == (1, 1) {
        let written = template.write(&claims, &claims.signatures[0]).expect("every claim was read");
        assert_eq!(value, written.as_bytes());
    }
    Some(claims)
}

fn members(field: &str, value: &[u8]) {
    let Ok(templates) = field.split(';').map(Template::parse_field).collect::<Result<Vec<_>, _>>() else { return };
    let grammar = Grammar::Members(";".to_owned(), templates);
    let mut claims = Claims::default();
    if grammar.read(value, Hash::Sha256, &mut claims).is_ok()
        && let Some(first) = claims.signatures.first()
    {
        let written = grammar.write(&claims, first).expect("every claim was read");
        let mut again = Claims::default();
        grammar.read(written.as_bytes(), Hash::Sha256, &mut again).expect("our own text");
        assert_eq!((&claims.key_id, &claims.nonce, &claims.created), (&again.key_id, &again.nonce, &again.created));
        assert_eq!((&claims.message_id, &claims.expires), (&again.message_id, &again.expires));
    }
}

fn render(base: &Template, claims: &Claims, message: &Message) {
    let Ok(target) = Target::parse(&message.target) else { return };
    let fields = message.pairs();
    let request =
        Request { method: &message.method, target: &target, fields: &fields, origin: Some(&ORIGIN), params: &[] };
    let Ok(rendered) = base.render(&request, claims) else { return };
    let body = Content::received(&message.body);
    let _ = rendered.check(body);
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    rendered.write(body, &mut once);
    rendered.write(body, &mut twice);
    assert_eq!(once, twice);
    let _ = base.write(claims, &signature(7));
}
