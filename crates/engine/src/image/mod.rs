//! Pictures: limits, decoding, orientation, colour, resizing.
