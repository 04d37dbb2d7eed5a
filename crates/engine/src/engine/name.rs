//! Names of catalogues.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Name of a catalogue: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CatalogueName(String);

/// The text is not the name of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` cannot be the name of a catalogue: 1 to 63 characters, small letters, digits, `_` and `-`, the first a letter or digit"
)]
pub struct CatalogueNameError {
    /// What was given.
    pub name: String,
}

impl CatalogueName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CatalogueName {
    /// `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for CatalogueName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for CatalogueName {
    type Err = CatalogueNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=63).contains(&name.len())
            && name.bytes().all(|byte| plain(byte) || matches!(byte, b'_' | b'-'))
            && name.bytes().next().is_some_and(plain);
        if fits { Ok(Self(name.to_owned())) } else { Err(CatalogueNameError { name: name.chars().take(80).collect() }) }
    }
}

impl TryFrom<String> for CatalogueName {
    type Error = CatalogueNameError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<CatalogueName> for String {
    fn from(name: CatalogueName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["a", "0", "shop-1_b", &"x".repeat(63)] {
            assert!(good.parse::<CatalogueName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "_", "A", "a b", "ä", "../x", &"x".repeat(64)] {
            assert!(bad.parse::<CatalogueName>().is_err(), "{bad}");
        }
    }
}
