//! Public keys: which other web sites may ask which catalogue, for the widget that a shop pastes into its own pages.
//!
//! A public key stands in the shop's HTML, so it is no secret. It says which catalogue a page speaks of, and only pages of the origins
//! that are listed with it may use it; browsers enforce that (Fetch standard, CORS protocol). It opens reading and searching, and
//! telling what shoppers do; never writing.

use serde::{Deserialize, Serialize};
use vetrina_engine::engine::CatalogueName;

/// A public key as it is written in `vetrina.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPublicKey {
    pub key: String,
    pub catalogue: Option<String>,
    pub origins: Vec<String>,
}

/// A public key that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// What the page sends: 8 to 128 letters, digits, `_` and `-`.
    pub key: String,
    /// The only catalogue it opens.
    pub catalogue: CatalogueName,
    /// Origins as browsers send them (`https://shop.example`, port only where it is not the scheme's own), or `*`.
    pub origins: Vec<String>,
}

impl PublicKey {
    /// Whether pages of `origin` may use this key.
    pub fn is_for(&self, origin: &str) -> bool {
        self.origins.iter().any(|own| own == "*" || own == origin)
    }
}

/// Checks the keys; the error is the reason and what to do.
pub(super) fn checked(raw: Vec<RawPublicKey>) -> Result<Vec<PublicKey>, (String, String)> {
    let mut keys: Vec<PublicKey> = Vec::with_capacity(raw.len());
    for RawPublicKey { key, catalogue, origins } in raw {
        let fits = (8..=128).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !fits {
            let hint = "8 to 128 letters, digits, `_` or `-`, for example pk_ and 24 random ones";
            return Err((format!("`{key}` cannot be a public key"), hint.to_owned()));
        }
        if keys.iter().any(|other| other.key == key) {
            return Err((format!("the key `{key}` is there twice"), "give each its own".to_owned()));
        }
        let catalogue = match catalogue {
            None => CatalogueName::default(),
            Some(name) => name
                .parse()
                .map_err(|error| (format!("key `{key}`: {error}"), "name the catalogue that it opens".to_owned()))?,
        };
        if origins.is_empty() {
            let hint = "list the sites that use it: origins = [\"https://shop.example\"]";
            return Err((format!("key `{key}` names no origins"), hint.to_owned()));
        }
        let origins = origins.into_iter().map(|text| origin(&text).ok_or(text)).collect::<Result<_, _>>();
        let origins = origins.map_err(|text| {
            let hint = "write scheme and host, and the port where it is unusual, without a path: https://shop.example";
            (format!("key `{key}`: `{text}` is not an origin"), hint.to_owned())
        })?;
        keys.push(PublicKey { key, catalogue, origins });
    }
    Ok(keys)
}

/// An origin in the form that browsers send.
fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let url = url::Url::parse(text.trim()).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let web = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    (bare && web && url.has_host()).then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, catalogue: Option<&str>, origins: &[&str]) -> Result<PublicKey, (String, String)> {
        let origins = origins.iter().map(|text| (*text).to_owned()).collect();
        let raw = RawPublicKey { key: key.to_owned(), catalogue: catalogue.map(str::to_owned), origins };
        checked(vec![raw]).map(|mut keys| keys.remove(0))
    }

    #[test]
    fn origins_are_brought_to_the_form_of_browsers() {
        let key = one("pk_12345678", None, &["https://Shop.Example:443/", "http://127.0.0.1:8080"]).unwrap();
        assert_eq!(key.origins, ["https://shop.example", "http://127.0.0.1:8080"]);
        assert!(key.is_for("https://shop.example") && !key.is_for("http://shop.example"));
        assert_eq!(key.catalogue, CatalogueName::default());
        assert!(one("pk_12345678", None, &["*"]).unwrap().is_for("https://anything.example"));
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        for (key, catalogue, origins, reason) in [
            ("short", None, &["*"][..], "cannot be a public key"),
            ("pk_with space", None, &["*"], "cannot be a public key"),
            ("pk_12345678", Some("No Such Name"), &["*"], "pk_12345678"),
            ("pk_12345678", None, &[], "names no origins"),
            ("pk_12345678", None, &["shop.example"], "is not an origin"),
            ("pk_12345678", None, &["https://shop.example/path"], "is not an origin"),
            ("pk_12345678", None, &["ftp://shop.example"], "is not an origin"),
            ("pk_12345678", None, &["https://user@shop.example"], "is not an origin"),
        ] {
            let (said, hint) = one(key, catalogue, origins).unwrap_err();
            assert!(said.contains(reason) && !hint.is_empty(), "{said}");
        }
    }

    #[test]
    fn a_key_is_there_once() {
        let raw = RawPublicKey { key: "pk_12345678".to_owned(), catalogue: None, origins: vec!["*".to_owned()] };
        assert!(checked(vec![raw.clone(), raw]).unwrap_err().0.contains("twice"));
    }
}
