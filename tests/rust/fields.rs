//! Header fields: none that two readers could take for each other is read.

use std::borrow::Cow;

use _native::fields::{FieldName, FieldPairs, Fields};
use proptest::prelude::*;

/// As CGI reads a name (RFC 3875, 4.1.18).
fn as_cgi(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn name(characters: &'static str) -> impl Strategy<Value = String> {
    prop::string::string_regex(characters).expect("an expression")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_field_is_found_once_or_refused(
        wanted in name("[aAb.-]{1,3}"),
        others in prop::collection::vec(name("[aAb._-]{0,3}"), 0..4),
        look in any::<bool>(),
    ) {
        let mut fields = FieldPairs::default();
        for (nth, other) in others.iter().enumerate() {
            fields.push(other.as_bytes(), nth.to_string().as_bytes());
        }
        if look {
            prop_assert!(fields.look());
        }
        let alike: Vec<usize> = (0..others.len()).filter(|nth| as_cgi(&others[*nth]) == as_cgi(&wanted)).collect();
        let found = fields.get(&FieldName::parse(&wanted).expect("a field name"));
        match alike[..] {
            [] => prop_assert!(matches!(found, Ok(None))),
            [only] if others[only].eq_ignore_ascii_case(&wanted) => {
                let (given, value) = (only.to_string(), found.expect("one field").expect("one value"));
                prop_assert_eq!(given.as_bytes(), value.as_ref());
            }
            _ => prop_assert!(found.is_err(), "{:?} of {:?}", wanted, others),
        }
    }

    #[test]
    fn a_look_at_all_octets_stands_for_one_at_each(values in prop::collection::vec(any::<Vec<u8>>(), 1..4)) {
        let mut fields = FieldPairs::default();
        for (nth, value) in values.iter().enumerate() {
            fields.push(format!("x-{nth}").as_bytes(), value);
        }
        let mut looked = fields.clone();
        prop_assert_eq!(values.iter().all(|value| value.is_ascii()), looked.look());
        for nth in 0..values.len() {
            let name = FieldName::parse(&format!("x-{nth}")).expect("a field name");
            let read = |fields: &FieldPairs| fields.get(&name).map(|value| value.map(Cow::into_owned));
            prop_assert_eq!(read(&fields).map_err(|error| error.code), read(&looked).map_err(|error| error.code));
        }
    }
}
