//! Short lists of small numbers, many of them, in little memory.
//!
//! What a product says and has is a list of a dozen numbers, and there are a million products: as `u32`s, each list in a box
//! of its own beside its length, they would be the largest part of a server's memory.

use integer_encoding::VarInt;

/// A list of numbers, each in as many bytes as it needs (LEB128): 1 below 128, 2 below 16,384.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// The numbers, in order.
    pub(super) fn iter(&self) -> Numbers<'_> {
        Numbers(&self.0)
    }
}

impl FromIterator<u32> for Packed {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 5]);
        for number in numbers {
            let length = number.encode_var(&mut buffer);
            bytes.extend_from_slice(&buffer[..length]);
        }
        Self(bytes.into())
    }
}

/// The numbers of a list.
#[derive(Debug, Clone)]
pub(super) struct Numbers<'p>(&'p [u8]);

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (number, length) = u32::decode_var(self.0)?;
        self.0 = self.0.get(length..)?;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were(
            numbers in proptest::collection::vec(prop_oneof![0_u32..300, any::<u32>()], 0..40),
        ) {
            let packed: Packed = numbers.iter().copied().collect();
            prop_assert_eq!(packed.iter().collect::<Vec<u32>>(), numbers);
        }
    }

    #[test]
    fn small_numbers_are_small() {
        assert_eq!([0, 5, 127, 128, 16_383].into_iter().collect::<Packed>().0.len(), 7);
    }
}
