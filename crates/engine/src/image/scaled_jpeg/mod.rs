//! Baseline JPEG decoded straight at N/8 of its size (N = 1, 2, 3, 4), as libjpeg does with `scale_num`.
//!
//! All of the Huffman codes have to be read, but only the N×N low frequencies of a block are kept; their inverse DCT
//! gives N×N samples. Subsampled chroma takes as many more frequencies as make it come out at luma's reduced size, so
//! that nothing is scaled up. Section numbers are those of ITU-T T.81.

mod bits;
mod colour;
mod error;
mod header;
mod huffman;
mod idct;
#[cfg(test)]
mod layout_tests;
mod mcu;
mod plane;
mod scan;
mod tables;
#[cfg(test)]
mod tests;

use error::Error;

/// A picture at a fraction of its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scaled {
    /// Width in pixels: that of the file times N/8, rounded up.
    pub width: u32,
    /// Height in pixels: that of the file times N/8, rounded up.
    pub height: u32,
    /// Whether a pixel is one byte of grey instead of three of red, green and blue.
    pub grey: bool,
    /// Pixels, line by line from the top, without padding.
    pub data: Vec<u8>,
}

/// Decodes a JPEG at `n`/8 of its size, `n` from 1 to 4. Orientation and colour profile are left to the caller.
///
/// It takes what cameras and shops send: sequential Huffman coding with 8 bits (SOF0, SOF1), all components in one
/// scan, grey or YCbCr. Memory is that of the result, which is bounded by the size of the file (a block takes two
/// bits at least), and of one row of blocks.
///
/// # Errors
/// [`Error::Unsupported`] for everything else, to be tried with another decoder. [`Error::Damaged`] and
/// [`Error::Truncated`] for what is not by the book: there is no result with a part missing.
pub(super) fn decode_scaled(bytes: &[u8], n: u8) -> Result<Scaled, Error> {
    if !(1..=4).contains(&n) {
        return Err(Error::Unsupported("a scale other than 1/8 to 4/8"));
    }
    let (frame, scan_data) = header::read(bytes)?;
    scan::decode(&frame, scan_data, usize::from(n))
}
