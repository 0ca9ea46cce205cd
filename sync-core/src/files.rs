//! What phone and server both know of files: their kind, how a hash is written, how large a thumbnail is.
//!
//! A file's record syncs as any other; its content, and the thumbnail that may go before it, travel on
//! their own and are known by their SHA-256.

/// The kind of records that name a content.
pub const KIND: &str = "file";
/// The field of a file that names the records it hangs on.
pub const ABOUT: &str = "about";
/// A picture of 320 pixels is 10 to 30 KB as JPEG: what is larger is no thumbnail.
pub const THUMBNAIL_BYTES_MAX: u64 = 64 * 1024;

/// SHA-256 of a content.
pub type ContentHash = [u8; 32];

/// A hash as file records write it.
pub fn hex(hash: &ContentHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash from such a text.
pub fn unhex(text: &str) -> Option<ContentHash> {
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// The media type of a picture that may be a thumbnail, by how its bytes begin.
pub fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written_and_nothing_else_is() {
        let hash = std::array::from_fn(|at| at as u8);
        assert_eq!(unhex(&hex(&hash)), Some(hash));
        for wrong in ["", "00", "zz", &"0".repeat(63), &"0".repeat(66), &"佳".repeat(32)] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        assert_eq!(picture_type(b"\xff\xd8\xff\xe0rest"), Some("image/jpeg"));
        assert_eq!(picture_type(b"\x89PNG\r\n"), Some("image/png"));
        assert_eq!(picture_type(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!(picture_type(b"<svg onload=alert(1)>"), None);
    }
}
