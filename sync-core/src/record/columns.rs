//! The column encodings of automerge's change format: LEB128, run-length, delta and boolean columns.
//!
//! Readers never expand a run: a column that claims a billion items costs nothing until someone asks
//! for them, and [`super::change`] asks for a bounded number. Never knows what a column means.

/// A column or header that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadColumn {
    /// The bytes end in the middle of a value.
    #[error("the bytes end in the middle of a value")]
    Truncated,
    /// A number does not fit, or is written with needless bytes.
    #[error("a number is too long")]
    Number,
    /// A text is not UTF-8.
    #[error("a text is not utf-8")]
    Text,
    /// A run of no items.
    #[error("a run of no items")]
    Run,
}

/// A cursor over bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], BadColumn> {
        if count > self.0.len() {
            return Err(BadColumn::Truncated);
        }
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(head)
    }

    pub fn unsigned(&mut self) -> Result<u64, BadColumn> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(BadColumn::Truncated)?;
            self.0 = rest;
            if shift == 63 && byte > 1 {
                return Err(BadColumn::Number);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
            if shift > 63 {
                return Err(BadColumn::Number);
            }
        }
    }

    pub fn signed(&mut self) -> Result<i64, BadColumn> {
        let (mut value, mut shift) = (0i64, 0u32);
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(BadColumn::Truncated)?;
            self.0 = rest;
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                if shift < 64 && byte & 0x40 != 0 {
                    value |= -1i64 << shift;
                }
                return Ok(value);
            }
            if shift > 63 {
                return Err(BadColumn::Number);
            }
        }
    }

    pub fn length(&mut self) -> Result<usize, BadColumn> {
        usize::try_from(self.unsigned()?).map_err(|_| BadColumn::Number)
    }

    pub fn prefixed(&mut self) -> Result<&'a [u8], BadColumn> {
        let length = self.length()?;
        self.take(length)
    }
}

pub(crate) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

pub(crate) fn write_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

pub(crate) fn write_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    write_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A value that a run-length column can hold.
pub(crate) trait Item<'a>: Copy + PartialEq {
    fn read(bytes: &mut Bytes<'a>) -> Result<Self, BadColumn>;
    fn write(self, out: &mut Vec<u8>);
}

impl Item<'_> for u64 {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, BadColumn> {
        bytes.unsigned()
    }
    fn write(self, out: &mut Vec<u8>) {
        write_unsigned(out, self);
    }
}

impl Item<'_> for i64 {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, BadColumn> {
        bytes.signed()
    }
    fn write(self, out: &mut Vec<u8>) {
        write_signed(out, self);
    }
}

impl<'a> Item<'a> for &'a str {
    fn read(bytes: &mut Bytes<'a>) -> Result<Self, BadColumn> {
        std::str::from_utf8(bytes.prefixed()?).map_err(|_| BadColumn::Text)
    }
    fn write(self, out: &mut Vec<u8>) {
        write_prefixed(out, self.as_bytes());
    }
}

/// Reads a run-length column item by item; past its end every item is null.
pub(crate) struct Runs<'a, T> {
    bytes: Bytes<'a>,
    left: u64,
    run: Run<T>,
}

#[derive(Clone, Copy)]
enum Run<T> {
    Repeat(T),
    Literal,
    Null,
}

impl<'a, T: Item<'a>> Runs<'a, T> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Bytes(bytes), left: 0, run: Run::Null }
    }

    pub fn is_done(&self) -> bool {
        self.left == 0 && self.bytes.0.is_empty()
    }

    pub fn next(&mut self) -> Result<Option<T>, BadColumn> {
        if self.left == 0 {
            if self.bytes.0.is_empty() {
                return Ok(None);
            }
            let count = self.bytes.signed()?;
            (self.left, self.run) = match count {
                0 => (self.bytes.unsigned()?, Run::Null),
                1.. => (count.unsigned_abs(), Run::Repeat(T::read(&mut self.bytes)?)),
                _ => (count.unsigned_abs(), Run::Literal),
            };
            if self.left == 0 {
                return Err(BadColumn::Run);
            }
        }
        self.left -= 1;
        match self.run {
            Run::Repeat(value) => Ok(Some(value)),
            Run::Literal => T::read(&mut self.bytes).map(Some),
            Run::Null => Ok(None),
        }
    }

    /// How many of the next items are surely the same as the last one.
    pub fn ahead(&self) -> u64 {
        match self.run {
            Run::Literal => 0,
            Run::Null if self.is_done() => u64::MAX,
            Run::Null | Run::Repeat(_) => self.left,
        }
    }

    /// How many of the next items are surely this one, as the last one was.
    pub fn repeats(&self, value: Option<T>) -> u64 {
        match (&self.run, value) {
            (Run::Repeat(run), Some(value)) if *run == value => self.left,
            (Run::Null, None) => self.ahead(),
            (Run::Repeat(_) | Run::Literal | Run::Null, _) => 0,
        }
    }

    /// The next item, and how many of the next items are the same, without taking them; `None` when it is null.
    pub fn peek(&self) -> Result<Option<(T, u64)>, BadColumn> {
        let mut ahead = Self { bytes: self.bytes, left: self.left, run: self.run };
        let next = ahead.next()?;
        Ok(next.map(|value| (value, 1 + if matches!(ahead.run, Run::Literal) { 0 } else { ahead.left })))
    }

    /// Passes items.
    pub fn skip(&mut self, mut count: u64) -> Result<(), BadColumn> {
        while count > 0 {
            if self.left == 0 || matches!(self.run, Run::Literal) {
                if self.is_done() {
                    return Ok(());
                }
                self.next()?;
                count -= 1;
            } else {
                let some = count.min(self.left);
                self.left -= some;
                count -= some;
            }
        }
        Ok(())
    }
}

/// Reads a delta column: a run-length column of differences.
pub(crate) struct Deltas<'a> {
    runs: Runs<'a, i64>,
    value: i64,
}

impl<'a> Deltas<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { runs: Runs::new(bytes), value: 0 }
    }

    pub fn next(&mut self) -> Result<Option<i64>, BadColumn> {
        let Some(delta) = self.runs.next()? else { return Ok(None) };
        self.value = self.value.checked_add(delta).ok_or(BadColumn::Number)?;
        Ok(Some(self.value))
    }

    /// Whether the next item is the one after the last, and is `next`.
    pub fn ascends_to(&self, next: u64) -> bool {
        self.runs.repeats(Some(1)) > 0 && i64::try_from(next).is_ok_and(|next| self.value.checked_add(1) == Some(next))
    }

    /// How many of the next items surely differ from the one before by as much as the last one did.
    pub fn ahead(&self) -> u64 {
        self.runs.ahead()
    }

    /// Passes items of one run.
    pub fn skip(&mut self, count: u64) -> Result<(), BadColumn> {
        if let Run::Repeat(delta) = self.runs.run {
            let passed = i64::try_from(count).ok().and_then(|count| delta.checked_mul(count)).ok_or(BadColumn::Number)?;
            self.value = self.value.checked_add(passed).ok_or(BadColumn::Number)?;
        }
        self.runs.skip(count)
    }
}

/// Reads a boolean column: alternating counts, starting with false; past its end all are false.
pub(crate) struct Flags<'a> {
    bytes: Bytes<'a>,
    left: u64,
    value: bool,
}

impl<'a> Flags<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Bytes(bytes), left: 0, value: true }
    }

    pub fn next(&mut self) -> Result<bool, BadColumn> {
        while self.left == 0 {
            if self.bytes.0.is_empty() {
                return Ok(false);
            }
            self.value = !self.value;
            self.left = self.bytes.unsigned()?;
        }
        self.left -= 1;
        Ok(self.value)
    }

    /// How many of the next items are surely this one, as the last one was.
    pub fn left_of(&self, value: bool) -> u64 {
        if self.value == value { self.left } else { 0 }
    }

    /// Passes items of one run.
    pub fn skip(&mut self, count: u64) {
        self.left -= count;
    }
}

/// Writes a run-length column in the one form that automerge writes.
pub(crate) struct RunWriter<T> {
    out: Vec<u8>,
    literal: Vec<T>,
    last: Option<T>,
    count: u64,
    any: bool,
}

impl<'a, T: Item<'a>> RunWriter<T> {
    pub fn new() -> Self {
        Self { out: Vec::new(), literal: Vec::new(), last: None, count: 0, any: false }
    }

    pub fn push(&mut self, value: Option<T>) {
        self.push_many(value, 1);
    }

    pub fn push_many(&mut self, value: Option<T>, count: u64) {
        if count == 0 {
            return;
        }
        self.any |= value.is_some();
        if self.count > 0 && self.last == value {
            self.count += count;
            return;
        }
        self.end_run();
        (self.last, self.count) = (value, count);
    }

    fn end_run(&mut self) {
        match (self.last, self.count) {
            (_, 0) => {}
            (Some(value), 1) => self.literal.push(value),
            (Some(value), count) => {
                self.end_literal();
                write_signed(&mut self.out, count as i64);
                value.write(&mut self.out);
            }
            (None, count) => {
                self.end_literal();
                self.out.push(0);
                write_unsigned(&mut self.out, count);
            }
        }
        self.count = 0;
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            write_signed(&mut self.out, -(self.literal.len() as i64));
            for value in self.literal.drain(..) {
                value.write(&mut self.out);
            }
        }
    }

    /// The column; nothing at all when it holds only nulls.
    pub fn finish(mut self) -> Vec<u8> {
        if !self.any {
            return Vec::new();
        }
        self.end_run();
        self.end_literal();
        self.out
    }
}

/// Writes a delta column.
pub(crate) struct DeltaWriter {
    runs: RunWriter<i64>,
    value: i64,
}

impl DeltaWriter {
    pub fn new() -> Self {
        Self { runs: RunWriter::new(), value: 0 }
    }

    pub fn push(&mut self, value: Option<i64>) {
        self.runs.push(value.map(|value| value - self.value));
        self.value = value.unwrap_or(self.value);
    }

    /// Values that count on from the last one.
    pub fn push_ascending(&mut self, count: u64) {
        self.runs.push_many(Some(1), count);
        self.value += count as i64;
    }

    pub fn finish(self) -> Vec<u8> {
        self.runs.finish()
    }
}

/// Writes a boolean column.
pub(crate) struct FlagWriter {
    out: Vec<u8>,
    value: bool,
    count: u64,
}

impl FlagWriter {
    pub fn new() -> Self {
        Self { out: Vec::new(), value: false, count: 0 }
    }

    pub fn push(&mut self, value: bool) {
        self.push_many(value, 1);
    }

    pub fn push_many(&mut self, value: bool, count: u64) {
        if value != self.value {
            write_unsigned(&mut self.out, self.count);
            (self.value, self.count) = (value, 0);
        }
        self.count += count;
    }

    pub fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            write_unsigned(&mut self.out, self.count);
        }
        self.out
    }
}
