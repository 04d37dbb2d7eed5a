//! Spaces: from feature to embedding; heads and their identity.
