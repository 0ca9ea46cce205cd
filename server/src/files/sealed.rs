//! Contents under a key: what lies in the folder or in the bucket says nothing without the operator's key file.
//!
//! A sealed content is a head (a word, which key, a random part of every nonce) and blocks of 64 KiB, each under AES-256-GCM
//! with its number, its content's hash and whether it is the last one: none can be left out, moved, or taken from another, and any range
//! is read without the rest. What was kept before there was a key is read as it is, until `rapport files seal` has sealed it.

use std::io::Write as _;
use std::path::Path;

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

use crate::auth::secret::random;
use crate::store::people::SecretHash;

/// Begins what is sealed, and the version of how.
const WORD: &[u8; 8] = b"rapport1";
/// Bytes of a key's name: the beginning of its hash.
const NAME: usize = 8;
/// Random bytes of each nonce; the rest of it is the block's number.
const SALT: usize = NONCE_LEN - 4;
/// Bytes before the first block.
pub(super) const HEAD: usize = WORD.len() + NAME + SALT;
/// Bytes of a content in one block.
pub(super) const BLOCK: usize = 64 * 1024;
/// What a block has more than what it holds.
const TAG: usize = 16;

/// Why a content cannot be opened, or keys not read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be read or written.
    #[error("the key file `{}` cannot be used (files.key_file)", path.display())]
    File {
        /// Which one.
        path: std::path::PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Nobody has said where keys are.
    #[error("there is no key file: name one in the settings (files.key_file)")]
    NoFile,
    /// Something is sealed, and the key file is gone.
    #[error("the key file `{}` is not there (files.key_file), and contents are sealed: put it back", .0.display())]
    Missing(std::path::PathBuf),
    /// Some could not be sealed; the log says why.
    #[error("{0} contents could not be sealed: the log says why")]
    NotAll(u64),
    /// A line of the key file is no key.
    #[error("line {0} of the key file is no key: 32 bytes in base 64, the one that seals first")]
    NoKey(usize),
    /// There is no key in the file that opens it.
    #[error("a content is sealed with the key {0}, which is not in the key file (files.key_file)")]
    UnknownKey(String),
    /// The bytes are not what was sealed.
    #[error("a sealed content is damaged")]
    Damaged,
}

/// A key and what it is called.
#[derive(Clone)]
struct Key {
    name: [u8; NAME],
    bytes: [u8; 32],
}

impl Key {
    fn new(bytes: [u8; 32]) -> Self {
        let digest = Sha256::digest(bytes);
        Self { name: std::array::from_fn(|at| digest[at]), bytes }
    }

    fn aead(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.bytes).expect("a key of this length is one"))
    }
}

fn hex(name: &[u8]) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The operator's keys: the first seals, all open.
#[derive(Clone, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`SealError`] when it cannot be used.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let text = std::fs::read_to_string(path).map_err(|source| SealError::File { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Makes a key file with a first key, unless somebody has made it meanwhile.
    ///
    /// # Errors
    /// [`SealError::File`] when it cannot be written.
    pub fn make(path: &Path) -> Result<(), SealError> {
        let mut options = std::fs::OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(format!("{}\n", STANDARD.encode(random::<32>())).as_bytes())?;
            file.sync_all()
        });
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(SealError::File { path: path.to_owned(), source: error })
            }
            _ => Ok(()),
        }
    }

    fn parse(text: &str) -> Result<Self, SealError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let key = |(at, line): (usize, &str)| {
            let bytes = STANDARD.decode(line.trim()).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.map(Key::new).ok_or(SealError::NoKey(at + 1))
        };
        let keys = lines.map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(SealError::NoKey(1)) } else { Ok(Self(keys)) }
    }

    /// The same with a new key, which seals from now on; the file has it before this returns.
    ///
    /// # Errors
    /// [`SealError::File`] when it cannot be written: it is as it was then.
    pub fn with_new(&self, path: &Path) -> Result<Self, SealError> {
        let mut keys = vec![Key::new(random())];
        keys.extend(self.0.iter().cloned());
        Self(keys).kept(path)
    }

    /// The same with the one key that seals.
    ///
    /// # Errors
    /// As [`Keys::with_new`].
    pub fn newest_alone(&self, path: &Path) -> Result<Self, SealError> {
        Self(self.0.iter().take(1).cloned().collect()).kept(path)
    }

    fn kept(self, path: &Path) -> Result<Self, SealError> {
        let text: String = self.0.iter().map(|key| format!("{}\n", STANDARD.encode(key.bytes))).collect();
        crate::store::ledger::replace(path, &text).map_err(|source| SealError::File { path: path.to_owned(), source })?;
        Ok(self)
    }

    /// What seals a new content.
    pub(super) fn sealer(&self, of: &SecretHash) -> Option<Sealer> {
        let key = self.0.first()?;
        let mut head = [0; HEAD];
        head[..WORD.len()].copy_from_slice(WORD);
        head[WORD.len()..WORD.len() + NAME].copy_from_slice(&key.name);
        head[WORD.len() + NAME..].copy_from_slice(&random::<SALT>());
        Some(Sealer { aead: key.aead(), head, of: *of, block: 0 })
    }

    /// What opens a content that begins so; nothing: it is not sealed.
    pub(super) fn opener(&self, head: &[u8], of: &SecretHash) -> Result<Option<Opener>, SealError> {
        let Some(head) = head.get(..HEAD).filter(|head| head.starts_with(WORD)) else { return Ok(None) };
        let name = &head[WORD.len()..WORD.len() + NAME];
        let key = self.0.iter().find(|key| key.name == *name).ok_or_else(|| SealError::UnknownKey(hex(name)))?;
        Ok(Some(Opener { aead: key.aead(), head: head.try_into().map_err(|_| SealError::Damaged)?, of: *of }))
    }

    /// Whether a content that begins so is sealed with the key that seals now.
    pub(super) fn is_newest(&self, head: &[u8]) -> bool {
        self.0.first().is_some_and(|key| head.starts_with(WORD) && head.get(WORD.len()..WORD.len() + NAME) == Some(&key.name[..]))
    }
}

/// Whether a content that begins so is sealed, with whatever key.
pub(super) fn is_sealed(head: &[u8]) -> bool {
    head.len() == HEAD && head.starts_with(WORD)
}

/// How large a content of so many bytes is when it is sealed.
pub(super) fn sealed_size(size: u64) -> u64 {
    HEAD as u64 + size + blocks(size) * TAG as u64
}

/// A content has one block at least: an empty one is sealed, too.
fn blocks(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64).max(1)
}

/// Where the blocks lie that hold a range of a content: the sealed range, and how much of the first block comes before.
pub(super) fn sealed_range(from: u64, to: u64, size: u64) -> (std::ops::Range<u64>, u32, usize) {
    let (first, end) = (from / BLOCK as u64, to.div_ceil(BLOCK as u64).max(1).min(blocks(size)));
    let at = |block: u64| HEAD as u64 + block * (BLOCK + TAG) as u64;
    (at(first)..at(end).min(sealed_size(size)), first as u32, (from % BLOCK as u64) as usize)
}

fn nonce(head: &[u8; HEAD], block: u32) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..SALT].copy_from_slice(&head[HEAD - SALT..]);
    nonce[SALT..].copy_from_slice(&block.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// What a block is: of which content, under which head, and whether it is the last one.
fn aad(head: &[u8; HEAD], of: &SecretHash, is_last: bool) -> Aad<Vec<u8>> {
    Aad::from([&head[..], &of[..], &[u8::from(is_last)]].concat())
}

/// Seals a content, block by block.
pub(super) struct Sealer {
    aead: LessSafeKey,
    pub head: [u8; HEAD],
    of: SecretHash,
    block: u32,
}

impl Sealer {
    /// Seals the next block: [`BLOCK`] bytes, fewer in the last one.
    pub fn seal(&mut self, block: &mut Vec<u8>, is_last: bool) {
        self.aead
            .seal_in_place_append_tag(nonce(&self.head, self.block), aad(&self.head, &self.of, is_last), block)
            .expect("a block is far smaller than what one nonce may seal");
        self.block += 1;
    }
}

/// Opens blocks of a content.
pub(super) struct Opener {
    aead: LessSafeKey,
    head: [u8; HEAD],
    of: SecretHash,
}

impl Opener {
    fn open(&self, number: u32, mut block: Vec<u8>, is_last: bool) -> Result<Bytes, SealError> {
        let opened = self.aead.open_in_place(nonce(&self.head, number), aad(&self.head, &self.of, is_last), &mut block);
        let length = opened.map_err(|_| SealError::Damaged)?.len();
        block.truncate(length);
        Ok(block.into())
    }
}

/// Opens the sealed bytes of a range as they come.
pub(super) struct Opening {
    opener: Opener,
    waiting: Vec<u8>,
    next: u32,
    last: u32,
    skip: usize,
    left: u64,
}

impl Opening {
    /// Of the bytes `from..to` of a content of `size`, whose sealed range begins with block `first`.
    pub fn new(opener: Opener, (from, to): (u64, u64), size: u64) -> Self {
        let (_, first, skip) = sealed_range(from, to, size);
        Self { opener, waiting: Vec::new(), next: first, last: (blocks(size) - 1) as u32, skip, left: to - from }
    }

    /// Takes sealed bytes; answers those of the content that are open by now.
    pub fn take(&mut self, sealed: &[u8], is_end: bool) -> Result<Vec<Bytes>, SealError> {
        self.waiting.extend_from_slice(sealed);
        let mut open = Vec::new();
        while self.waiting.len() >= BLOCK + TAG || is_end && !self.waiting.is_empty() {
            let rest = self.waiting.split_off(self.waiting.len().min(BLOCK + TAG));
            let block = std::mem::replace(&mut self.waiting, rest);
            let mut bytes = self.opener.open(self.next, block, self.next == self.last)?;
            let bytes = bytes.split_off(std::mem::take(&mut self.skip).min(bytes.len()));
            let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= most as u64;
            self.next += 1;
            open.push(bytes.slice(..most));
        }
        if is_end && self.left > 0 { Err(SealError::Damaged) } else { Ok(open) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: SecretHash = [3; 32];

    fn sealed(keys: &Keys, content: &[u8]) -> Vec<u8> {
        let mut sealer = keys.sealer(&OF).unwrap();
        let mut out = sealer.head.to_vec();
        let blocks: Vec<&[u8]> = if content.is_empty() { vec![&[]] } else { content.chunks(BLOCK).collect() };
        for (at, block) in blocks.iter().enumerate() {
            let mut block = block.to_vec();
            sealer.seal(&mut block, at + 1 == blocks.len());
            out.extend(block);
        }
        out
    }

    fn opened(keys: &Keys, sealed: &[u8], (from, to): (u64, u64), size: u64) -> Result<Vec<u8>, SealError> {
        let opener = keys.opener(sealed, &OF)?.expect("it is sealed");
        let (range, ..) = sealed_range(from, to, size);
        let mut opening = Opening::new(opener, (from, to), size);
        let mut out = Vec::new();
        let range = sealed.get(range.start as usize..(range.end as usize).min(sealed.len())).unwrap_or_default();
        for piece in range.chunks(10_000) {
            opening.take(piece, false)?.iter().for_each(|bytes| out.extend_from_slice(bytes));
        }
        opening.take(&[], true)?.iter().for_each(|bytes| out.extend_from_slice(bytes));
        Ok(out)
    }

    #[test]
    fn any_range_of_a_content_of_any_size_is_opened() {
        let keys = Keys(vec![Key::new([7; 32])]);
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 100] {
            let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let whole = sealed(&keys, &content);
            assert_eq!(whole.len() as u64, sealed_size(size as u64));
            for (from, to) in [(0, size), (0, size.min(1)), (size / 2, size), (size / 3, size / 2), (size.saturating_sub(1), size)] {
                let found = opened(&keys, &whole, (from as u64, to as u64), size as u64).unwrap();
                assert_eq!(found, content[from..to], "{from}..{to} of {size}");
            }
        }
    }

    #[test]
    fn what_was_altered_cut_moved_or_sealed_with_another_key_is_not_opened() {
        let keys = Keys(vec![Key::new([7; 32])]);
        let size = 2 * BLOCK as u64;
        let whole = sealed(&keys, &vec![1; 2 * BLOCK]);
        let open = |keys: &Keys, bytes: &[u8], size| opened(keys, bytes, (0, size), size);
        let mut altered = whole.clone();
        altered[HEAD + 5] ^= 1;
        assert!(matches!(open(&keys, &altered, size), Err(SealError::Damaged)));
        let cut = &whole[..HEAD + BLOCK + TAG];
        assert!(matches!(open(&keys, cut, size), Err(SealError::Damaged)));
        assert!(matches!(open(&keys, cut, BLOCK as u64), Err(SealError::Damaged)), "a first block is no last one");
        let (one, other) = whole[HEAD..].split_at(BLOCK + TAG);
        assert!(matches!(open(&keys, &[&whole[..HEAD], other, one].concat(), size), Err(SealError::Damaged)));
        assert!(matches!(open(&Keys(vec![Key::new([8; 32])]), &whole, size), Err(SealError::UnknownKey(_))));
        assert!(keys.opener(b"%PDF-1.7 and so on, longer than a head", &OF).unwrap().is_none(), "what was never sealed is read as it is");
    }
}
