//! A look at a library file before the loader maps it.
//!
//! The system's loader maps a file by what its header says, not by how long it is: touching a page behind the end of a
//! half-fetched library ends the process with a bus error. So the header is read first.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Says what is wrong with the file, if it is an ELF library shorter than its program headers say, or not a regular
/// file at all. Files that are no ELF libraries are left to the loader, which refuses them by itself.
pub(super) fn check(path: &Path) -> Result<(), String> {
    match needed_len(path) {
        Ok((needed, length)) if needed > length => {
            Err(format!("the file is truncated: {length} bytes of at least {needed}"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Bytes the program headers speak of, and bytes there are.
fn needed_len(path: &Path) -> Result<(u64, u64), Error> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        // Opening a pipe would wait for its other end.
        return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let length = metadata.len();
    let mut file = File::open(path)?;
    let mut header = [0; 64];
    let header_len = read_up_to(&mut file, &mut header)?;
    let elf64_little_endian = header.starts_with(b"\x7fELF\x02\x01");
    if !elf64_little_endian {
        return Ok((0, length));
    }
    if header_len < header.len() {
        return Ok((header.len() as u64, length));
    }
    // Offsets of the ELF-64 header: e_phoff, e_phentsize, e_phnum; of a program header: p_type, p_offset, p_filesz.
    let table = u64_at(&header, 32);
    let (entry_len, entries) = (usize::from(u16_at(&header, 54)), u16_at(&header, 56));
    let table_end = table.saturating_add(entry_len as u64 * u64::from(entries));
    if table_end > length || entry_len < 56 {
        return Ok((table_end.max(64), length));
    }
    file.seek(SeekFrom::Start(table))?;
    let mut needed = table_end;
    let mut entry = vec![0; entry_len];
    for _ in 0..entries {
        file.read_exact(&mut entry)?;
        let loaded = u64_at(&entry, 0) & 0xffff_ffff == 1;
        if loaded {
            needed = needed.max(u64_at(&entry, 8).saturating_add(u64_at(&entry, 32)));
        }
    }
    Ok((needed, length))
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|slice| slice.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|slice| slice.try_into().ok()).map_or(0, u16::from_le_bytes)
}
