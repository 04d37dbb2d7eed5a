//! The identity of a space.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Head;
use crate::model::Manifest;

/// First 8 bytes of the BLAKE3 hash of model, preprocessing and head; 16 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpaceId([u8; 8]);

/// The text is not 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a space id has 16 lower-case hexadecimal digits")]
pub struct SpaceIdError;

impl SpaceId {
    /// The identity of a model, its preprocessing and a head. Name and version of the pack do not count: what makes the
    /// same numbers is the same space.
    pub(super) fn of(manifest: &Manifest, head: &Head) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("vetrina 2026 space id");
        for part in [
            manifest.sha256.as_bytes(),
            manifest.preprocessing().as_bytes(),
            manifest.outputs.pooled.name.as_bytes(),
            &head.to_bytes_for_identity(),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for SpaceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SpaceId({self})")
    }
}

impl FromStr for SpaceId {
    type Err = SpaceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().ok_or(SpaceIdError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl TryFrom<String> for SpaceId {
    type Error = SpaceIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SpaceId> for String {
    fn from(id: SpaceId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
pub(super) fn test_id(number: u64) -> SpaceId {
    SpaceId(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = test_id(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "0123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"0123456789abcdef\"");
        assert_eq!(serde_json::from_str::<SpaceId>("\"0123456789abcdef\"").unwrap(), id);
        for bad in ["", "0123", "0123456789ABCDEF", "0123456789abcdeg", "+123456789abcdef", "0123456789abcdef0"] {
            assert!(bad.parse::<SpaceId>().is_err(), "{bad}");
        }
    }
}
