//! Random schedules: three replicas, changes that arrive late, twice and in any order, one end.

use crate::fence::Refusal;
use crate::id::Facet;
use crate::record::fields::FieldEdit;
use crate::testing::*;

/// Three replicas, one of them with the server's pen; changes arrive late, twice and in any order.
fn schedule(seed: u64) -> Vec<Phone> {
    const KINDS: [&str; 7] = ["party", "deal", "offer", "article", "case", "activity", "campaign"];
    let mut random = Random(seed);
    let kind = kind(KINDS[random.below(KINDS.len())]);
    let mut phones = vec![Phone::new(kind.clone(), SERVER.0[0]), Phone::new(kind.clone(), 0xa1), Phone::new(kind, 0xb0)];
    let mut inboxes: Vec<Vec<Sent>> = vec![Vec::new(); 3];
    for _ in 0..8 + random.below(12) {
        let at = random.below(3);
        if random.one_in(2) {
            let edits = edits::some(&mut random, &phones[at], at == 0);
            let minute = random.below(30) as i64;
            let edits = unfrozen(&phones[at], edits);
            let sent = phones[at].edit(minute, &edits);
            for (to, inbox) in inboxes.iter_mut().enumerate().filter(|(to, _)| *to != at) {
                inbox.extend(sent.iter().cloned());
                if random.one_in(4) && to != at {
                    inbox.extend(sent.iter().cloned());
                }
            }
        } else if !inboxes[at].is_empty() {
            let sent = random.below(inboxes[at].len());
            let sent = inboxes[at].swap_remove(sent);
            deliver(&mut phones[at], &mut inboxes[at], sent);
        }
    }
    for (phone, inbox) in phones.iter_mut().zip(&mut inboxes) {
        while let Some(sent) = (!inbox.is_empty()).then(|| inbox.swap_remove(random.below(inbox.len()))) {
            deliver(phone, inbox, sent);
        }
    }
    phones
}

/// Nothing that freezes: who comes too late is refused by whom he meets first, and that is not about order.
pub(crate) fn unfrozen(phone: &Phone, mut edits: Vec<FieldEdit>) -> Vec<FieldEdit> {
    edits.retain(|edit| !phone.kind.fields.iter().any(|field| field.frozen.as_ref().is_some_and(|frozen| &*frozen.field == edit.field())));
    edits
}

fn deliver(phone: &mut Phone, inbox: &mut Vec<Sent>, sent: Sent) {
    use crate::record::doc::Inadmissible::{Duplicate, MissingDeps, SeqGap};
    match phone.receive(&sent) {
        Ok(()) | Err(Refusal::Inadmissible(Duplicate)) => {}
        Err(Refusal::Inadmissible(MissingDeps(_) | SeqGap { .. })) => inbox.push(sent),
        Err(refusal) => panic!("{refusal}"),
    }
}

#[test]
fn whatever_the_schedule_all_replicas_and_automerge_end_alike() {
    for seed in 0..1_000 {
        let phones = schedule(seed);
        for phone in &phones[1..] {
            for facet in Facet::ALL {
                let shown = |phone: &Phone| serde_json::to_string(&phone.row(facet)).unwrap();
                assert_eq!(shown(phone), shown(&phones[0]), "seed {seed}");
                let heads = |phone: &Phone| phone.docs.get(&facet).map(|doc| doc.heads());
                assert_eq!(heads(phone).unwrap_or_default(), heads(&phones[0]).unwrap_or_default(), "seed {seed}");
            }
            assert_eq!(phone.conflicts(), phones[0].conflicts(), "seed {seed}");
        }
        phones[seed as usize % 3].agrees_with_automerge();
    }
}
