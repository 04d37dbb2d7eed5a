//! What a product says, as it lies in its payload: what the lists are made of where there is no file with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value};

use super::run::{decode, encode};
use crate::index::words::Term;

/// The payload's key for it.
pub(in crate::index) const KEY: &str = "said";

/// Terms in rising order with their values in steps, as text: the bytes of a list, with terms for rows, in Base64.
pub(in crate::index) fn write(terms: &[(Term, u16)]) -> String {
    let mut bytes = Vec::new();
    encode(terms, &mut bytes);
    STANDARD_NO_PAD.encode(bytes)
}

/// The terms of a payload; `None` where what it has is none.
pub(in crate::index) fn read(payload: &Map<String, Value>) -> Option<Vec<(Term, u16)>> {
    let bytes = STANDARD_NO_PAD.decode(payload.get(KEY)?.as_str()?).ok()?;
    let mut terms = Vec::new();
    decode(&bytes, &mut terms).ok()?;
    Some(terms)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(terms: BTreeMap<u32, u16>, garbage: Vec<u8>) {
            let terms = Vec::from_iter(terms);
            let payload = |text: String| Map::from_iter([(KEY.to_owned(), Value::from(text))]);
            prop_assert_eq!(read(&payload(write(&terms))), Some(terms));
            let _ = read(&payload(STANDARD_NO_PAD.encode(garbage)));
        }
    }
}
