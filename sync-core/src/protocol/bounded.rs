//! Arrays of at most so many items.

use minicbor::{Decode, Decoder};

use super::{Delivered, Entry, GivenUp, MAX_CAPABILITIES, MAX_PAGE_ENTRIES, MAX_PUSH_CHANGES, Pushed, Verdict};
use crate::id::ChangeHash;

type Bounded<T> = Result<Vec<T>, minicbor::decode::Error>;

/// An array of at most so many items. A message of three bytes takes two hundred in memory: unbounded, a
/// frame of a few kilobytes takes half a gigabyte before anybody has looked at it.
pub fn at_most<'b, C, T: Decode<'b, C>>(decoder: &mut Decoder<'b>, context: &mut C, most: usize) -> Bounded<T> {
    let claimed = decoder.array()?.ok_or_else(|| minicbor::decode::Error::message("an array without a length"))?;
    if claimed > most as u64 {
        return Err(minicbor::decode::Error::message(format!("an array has {claimed} items, the limit is {most}")));
    }
    (0..claimed).map(|_| T::decode(decoder, context)).collect()
}

pub fn capabilities<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<String> {
    at_most(decoder, context, MAX_CAPABILITIES)
}

pub fn changes<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<Pushed> {
    at_most(decoder, context, MAX_PUSH_CHANGES)
}

pub fn given_up<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<GivenUp> {
    at_most(decoder, context, MAX_PUSH_CHANGES)
}

pub fn offered<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<Delivered> {
    at_most(decoder, context, MAX_PUSH_CHANGES)
}

pub fn verdicts<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<Verdict> {
    at_most(decoder, context, MAX_PUSH_CHANGES)
}

pub fn missing<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<ChangeHash> {
    at_most(decoder, context, crate::record::change::MAX_CHANGE_DEPS)
}

pub fn entries<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Bounded<Entry> {
    at_most(decoder, context, MAX_PAGE_ENTRIES)
}
