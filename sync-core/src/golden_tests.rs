//! Golden bytes: what version 1 of the wire and of the change format looks like, for ever.
//!
//! `golden/v1/` is never edited (it was once, before the first release, when seals came). What changes the bytes is a new version with a folder `golden/v2/` and
//! new names here, and the old ones are still read. `RAPPORT_WRITE_GOLDEN=1` writes files that are missing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::id::{ActorId, ChangeHash, DeviceId, Facet, RecordId, Seal, UserId, WorkspaceId};
use crate::protocol::*;
use crate::record::change::Change;
use crate::record::doc::{Doc, Edit, Written};
use crate::record::text::genesis;
use crate::testing::{MINUTE, TEN};
use crate::value::Scalar;

const ANN: ActorId = ActorId([0xa1; 16]);
const BO: ActorId = ActorId([0xb0; 16]);
const SEAL: Seal = Seal([0x5e; 16]);

fn path_of(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1").join(format!("{name}.hex"))
}

/// Hex digits; lines that start with `#` are for people.
fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    bytes.chunks(48).map(line).collect()
}

fn golden(name: &str, comment: &str, today: &[u8]) -> Vec<u8> {
    let path = path_of(name);
    if std::env::var_os("RAPPORT_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, format!("# {comment}\n{}", to_hex(today))).unwrap();
    }
    from_hex(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

// Changes

/// One record whose changes use every operation and every value; by name.
fn changes() -> Vec<(&'static str, Written)> {
    let mut doc = Doc::default();
    let put = |path: &str, value: Scalar| Edit::Put { path: path.into(), value };
    let splice = |at, delete, insert: &str| Edit::Splice { path: "notes".into(), at, delete, insert: insert.into() };
    let mut changes = Vec::new();
    let mut write = |name, actor, minute, edits: &[Edit]| {
        changes.push((name, doc.write(actor, TEN + minute * MINUTE, edits).unwrap()));
    };
    write("change-1-put-text", ANN, 0, &[put("name", Scalar::Text("佳美".into()))]);
    write(
        "change-2-put-every-value",
        ANN,
        1,
        &[
            put("null", Scalar::Null),
            put("no", Scalar::Bool(false)),
            put("yes", Scalar::Bool(true)),
            put("whole", Scalar::Int(-1_000_000)),
            put("number", Scalar::Float(1.5)),
            put("empty", Scalar::Text("".into())),
            put("tags/a~1b", Scalar::Bool(true)),
        ],
    );
    write("change-3-replace-by-another-author", BO, 2, &[put("name", Scalar::Text("Jiamei".into()))]);
    write("change-4-delete", BO, 3, &[Edit::Delete { path: "tags/a~1b".into() }]);
    write("change-5-start-a-counter", ANN, 4, &[Edit::Increment { path: "uses".into(), by: 3 }]);
    write("change-6-increment", BO, 5, &[Edit::Increment { path: "uses".into(), by: -1 }]);
    write("change-7-text-born", ANN, 6, &[splice(0, 0, "call 佳美 😀")]);
    write("change-8-text-spliced", BO, 7, &[splice(4, 3, "back")]);
    changes
}

#[test]
fn today_writes_and_reads_the_changes_of_version_1() {
    let mut doc = Doc::default();
    for (name, written) in changes() {
        let bytes = golden(name, &format!("hash {}", written.hash), &written.bytes);
        assert_eq!(to_hex(&written.bytes), to_hex(&bytes), "{name}");
        let (change, hash) = Change::parse(&bytes).unwrap();
        assert_eq!((&change, hash), (&written.change, written.hash), "{name}");
        doc.apply(&change, hash, &["notes".parse().unwrap()]).unwrap();
        crate::fence::inspect(&hash, &bytes).unwrap();
    }
    assert_eq!(doc.text("notes").unwrap(), "callback 😀");
    assert_eq!(doc.values("uses")[0].added, -1);
}

#[test]
fn the_first_change_of_a_text_is_that_of_version_1() {
    for name in ["notes", "body"] {
        let first = genesis(&name.parse().unwrap());
        let bytes = golden(&format!("genesis-{name}"), &format!("actor {} hash {}", first.actor, first.hash), &first.bytes);
        assert_eq!(to_hex(&first.bytes), to_hex(&bytes), "{name}");
    }
}

// Messages

fn hello() -> Message {
    let capabilities = vec!["live".into(), "zstd".into()];
    Message::Hello(Hello { protocol: 1, capabilities, app: "sample 1.0".into(), actor: ANN, epoch: None, pending: 1, unconfirmed: None })
}

fn record() -> RecordId {
    RecordId::of_cause("golden record")
}

fn pushed() -> Pushed {
    let (_, written) = changes().remove(0);
    Pushed { kind: "party".parse().unwrap(), record: record(), facet: Facet::Main, hash: written.hash, body: written.bytes }
}

fn delivered() -> Delivered {
    let (_, written) = changes().remove(0);
    Delivered {
        position: 7,
        kind: "party".parse().unwrap(),
        record: record(),
        facet: Facet::Main,
        hash: written.hash,
        user: UserId::of_cause("golden user"),
        device: DeviceId::of_cause("golden device"),
        received_at: TEN + MINUTE,
        body: written.bytes,
        seal: SEAL,
    }
}

fn welcome() -> Message {
    Message::Welcome(Welcome {
        protocol: 1,
        capabilities: vec!["live".into(), "zstd".into()],
        server_time: TEN + MINUTE,
        workspace: WorkspaceId::of_cause("golden workspace"),
        user: UserId::of_cause("golden user"),
        role: "rep".into(),
        device: DeviceId::of_cause("golden device"),
        epoch: vec![0xe0; 16],
        lease_ms: None,
    })
}

fn page(entries: Vec<Entry>) -> Message {
    Message::Page(Page {
        entries,
        cursor: b"opaque".to_vec(),
        more: false,
        left: 0,
        server_time: TEN + MINUTE,
        after: Some(b"before".to_vec()),
        pull: None,
    })
}

fn verdicts(verdicts: Vec<Verdict>) -> Message {
    Message::Verdicts(Verdicts { batch: 3, verdicts })
}

fn rejected() -> Verdict {
    Verdict::Rejected {
        code: code::FROZEN.into(),
        field: Some("lines".into()),
        rule: None,
        message: "field `lines` is frozen while `status` is `sent`".into(),
        message_zh: "“status”为“sent”时，字段“lines”不能再修改".into(),
    }
}

fn held() -> Verdict {
    Verdict::Held { rule: "discount".into(), message: "a manager decides".into(), message_zh: "由经理决定".into() }
}

fn subscribed() -> Pull {
    let territory = Subscription {
        whose: Whose::Territory("north".into()),
        kinds: vec!["party".parse().unwrap(), "deal".parse().unwrap()],
        days: Some(90),
    };
    Pull {
        cursor: Some(b"opaque".to_vec()),
        max_bytes: 2_097_152,
        subscriptions: Some(Subscriptions(vec![Subscription::of(Whose::Mine), territory])),
        before: Some(Subscriptions(vec![Subscription::of(Whose::Team)])),
        number: None,
    }
}

/// Every message, verdict and entry; by name.
fn messages() -> BTreeMap<&'static str, Message> {
    let accepted = || Verdict::Accepted { position: 7, received_at: TEN + MINUTE, seal: SEAL };
    BTreeMap::from([
        ("message-hello", hello()),
        (
            "message-hello-again",
            match hello() {
                Message::Hello(hello) => Message::Hello(Hello { epoch: Some(vec![0xe0; 16]), ..hello }),
                other => other,
            },
        ),
        ("message-push", Message::Push(Push { batch: 3, changes: vec![pushed()] })),
        ("message-offer", Message::Offer(Offer { batch: 3, changes: vec![delivered()] })),
        ("message-pull-all", Message::Pull(Pull { max_bytes: 2_097_152, ..Pull::default() })),
        ("message-pull", Message::Pull(Pull { cursor: Some(b"opaque".to_vec()), max_bytes: 2_097_152, ..Pull::default() })),
        ("message-pull-subscribed", Message::Pull(subscribed())),
        ("message-estimate", Message::Estimate(Estimate { number: 4, subscription: Subscription::of(Whose::Customer(record())) })),
        ("message-estimated", Message::Estimated(Estimated { number: 4, records: 12, bytes: 3_400, files: 1, file_bytes: 250_000 })),
        ("message-receipt", Message::Receipt(Receipt { number: 5, removal: Removal::Left, records: 2, unsent: 1, at: TEN + MINUTE })),
        ("message-noted", Message::Noted(5)),
        (
            "message-withdraw",
            Message::Withdraw(Withdraw {
                number: 6,
                changes: vec![GivenUp { record: record(), facet: Facet::Commercial, hash: ChangeHash([9; 32]) }],
            }),
        ),
        ("message-withdrawn", Message::Withdrawn(6)),
        ("message-ping", Message::Ping),
        ("message-pong", Message::Pong),
        ("message-welcome", welcome()),
        ("message-verdict-accepted", verdicts(vec![accepted()])),
        ("message-verdict-duplicate", verdicts(vec![Verdict::Duplicate { position: 7, received_at: TEN + MINUTE, seal: SEAL }])),
        ("message-verdict-waiting", verdicts(vec![Verdict::Waiting { missing: vec![ChangeHash([9; 32])] }])),
        ("message-verdict-rejected", verdicts(vec![rejected()])),
        ("message-verdict-held", verdicts(vec![held()])),
        ("message-verdict-actor-fork", verdicts(vec![Verdict::ActorFork { last_seq: 4 }])),
        ("message-page-change", page(vec![Entry::Change(delivered())])),
        ("message-page-purge", page(vec![Entry::Purge { record: record() }])),
        ("message-page-wipe", page(vec![Entry::Wipe])),
        (
            "message-page-leave",
            page(vec![
                Entry::Leave { kind: "party".parse().unwrap(), record: Some(record()), facet: None },
                Entry::Leave { kind: "party".parse().unwrap(), record: None, facet: Some(Facet::Commercial) },
            ]),
        ),
        ("message-refused", Message::Refused(Refused { code: "too_large".into(), message: "send less at once".into() })),
        ("message-news", Message::News(7)),
    ])
}

#[test]
fn today_writes_and_reads_the_messages_of_version_1() {
    for (name, message) in messages() {
        let today = minicbor::to_vec(&message).unwrap();
        let bytes = golden(name, "one message", &today);
        assert_eq!(to_hex(&today), to_hex(&bytes), "{name}");
        assert_eq!(minicbor::decode::<Message>(&bytes).unwrap(), message, "{name}");
    }
}

#[test]
fn every_message_verdict_and_entry_has_its_golden_bytes() {
    // The compiler asks for a new line here, and with it for a new file.
    let number = |message: &Message| match message {
        Message::Hello(_) => 0,
        Message::Push(_) => 1,
        Message::Pull(_) => 2,
        Message::Ping => 3,
        Message::Welcome(_) => 4,
        Message::Verdicts(_) => 5,
        Message::Page(_) => 6,
        Message::Refused(_) => 7,
        Message::Pong => 8,
        Message::News(_) => 9,
        Message::Offer(_) => 10,
        Message::Receipt(_) => 11,
        Message::Estimate(_) => 12,
        Message::Noted(_) => 13,
        Message::Estimated(_) => 14,
        Message::Withdraw(_) => 15,
        Message::Withdrawn(_) => 16,
    };
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::Accepted { .. } => 0,
        Verdict::Duplicate { .. } => 1,
        Verdict::Waiting { .. } => 2,
        Verdict::Rejected { .. } => 3,
        Verdict::Held { .. } => 4,
        Verdict::ActorFork { .. } => 5,
    };
    let entry = |entry: &Entry| match entry {
        Entry::Change(_) => 0,
        Entry::Purge { .. } => 1,
        Entry::Wipe => 2,
        Entry::Leave { .. } => 3,
    };
    let (mut seen, mut verdicts, mut entries) = ([false; 17], [false; 6], [false; 4]);
    for message in messages().values() {
        seen[number(message)] = true;
        match message {
            Message::Verdicts(sent) => sent.verdicts.iter().for_each(|one| verdicts[verdict(one)] = true),
            Message::Page(page) => page.entries.iter().for_each(|one| entries[entry(one)] = true),
            _ => {}
        }
    }
    assert_eq!((seen, verdicts, entries), ([true; 17], [true; 6], [true; 4]));
}

#[test]
fn enrolment_is_that_of_version_1() {
    let enrol = Enrol { code: "7KQ2-M9XD-4TRW".into(), device_name: "Ann's phone".into(), app: "sample 1.0".into(), actor: ANN };
    let today = minicbor::to_vec(&enrol).unwrap();
    let bytes = golden("enrol", "body of POST /sync/enrol", &today);
    assert_eq!((to_hex(&today), minicbor::decode::<Enrol>(&bytes).unwrap()), (to_hex(&bytes), enrol));
    let enrolled = Enrolled {
        token: "a-secret".into(),
        device: DeviceId::of_cause("golden device"),
        workspace: WorkspaceId::of_cause("golden workspace"),
        user: UserId::of_cause("golden user"),
        role: "rep".into(),
        epoch: vec![0xe0; 16],
        server_time: TEN,
    };
    let today = minicbor::to_vec(&enrolled).unwrap();
    let bytes = golden("enrolled", "the answer", &today);
    assert_eq!((to_hex(&today), minicbor::decode::<Enrolled>(&bytes).unwrap()), (to_hex(&bytes), enrolled));
}

// Frames

#[cfg(feature = "codec")]
mod frames {
    use super::*;

    /// An exchange as the documentation shows it; by name.
    fn session() -> [(&'static str, Vec<Message>); 4] {
        let pull =
            |cursor: Option<&[u8]>| Message::Pull(Pull { cursor: cursor.map(<[u8]>::to_vec), max_bytes: 2_097_152, ..Pull::default() });
        [
            ("session-1-request", vec![hello(), Message::Push(Push { batch: 3, changes: vec![pushed()] }), pull(None)]),
            (
                "session-1-answer",
                vec![
                    welcome(),
                    verdicts(vec![Verdict::Accepted { position: 7, received_at: TEN + MINUTE, seal: SEAL }]),
                    page(vec![Entry::Change(delivered())]),
                ],
            ),
            ("session-2-request", vec![hello(), pull(Some(b"opaque"))]),
            ("session-2-answer", vec![welcome(), page(Vec::new())]),
        ]
    }

    #[test]
    fn today_reads_the_frames_of_version_1_and_writes_the_plain_ones_alike() {
        for (name, messages) in session() {
            let mut plain = vec![CODEC_PLAIN];
            minicbor::encode(&messages, &mut plain).unwrap();
            let bytes = golden(name, "one frame, plain", &plain);
            assert_eq!(to_hex(&plain), to_hex(&bytes), "{name}");
            assert_eq!(decode_frame(&bytes).unwrap(), messages, "{name}");
        }
        // Another zstd may pack the same bytes better: only reading is for ever.
        let messages = session()[1].1.clone();
        let bytes = golden("frame-zstd", "session-1-answer, packed by zstd", &encode_frame(&messages));
        assert_eq!((bytes[0], decode_frame(&bytes).unwrap()), (CODEC_ZSTD, messages.clone()));
        assert_eq!(decode_frame(&encode_frame(&messages)).unwrap(), messages);
    }

    #[test]
    fn a_small_frame_goes_plain() {
        assert_eq!(encode_frame(&[Message::Ping]), [&[CODEC_PLAIN, 0x81][..], &minicbor::to_vec(Message::Ping).unwrap()].concat());
    }

    #[test]
    fn what_was_cut_off_before_its_first_byte_is_no_frame() {
        assert!(matches!(decode_frame(&[]), Err(BadFrame::Unreadable(_))));
        assert_eq!(decode_frame(&encode_frame(&[])), Ok(Vec::new()));
    }

    #[test]
    fn a_key_of_a_newer_peer_is_skipped() {
        let mut bytes = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.array(2).unwrap().u32(2).unwrap().array(1).unwrap().map(3).unwrap();
        encoder.u8(1).unwrap().u64(5).unwrap().u8(99).unwrap().map(1).unwrap().u8(1).unwrap().str("new").unwrap();
        encoder.u8(0).unwrap().null().unwrap();
        assert_eq!(minicbor::decode::<Message>(&bytes).unwrap(), Message::Pull(Pull { max_bytes: 5, ..Pull::default() }));
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_held() {
        let many = |item: &[u8], count: usize, before: &[u8]| {
            let mut plain = before.to_vec();
            minicbor::Encoder::new(&mut plain).array(count as u64).unwrap();
            plain.extend(item.repeat(count));
            let packed = zstd::bulk::compress(&plain, 19).unwrap();
            assert!(packed.len() < 10_000, "{}", packed.len());
            decode_frame(&[&[CODEC_ZSTD], packed.as_slice()].concat())
        };
        let ping = minicbor::to_vec(Message::Ping).unwrap();
        let limit = |answer: Result<Vec<Message>, BadFrame>, limit: &str| match answer {
            Err(BadFrame::Unreadable(reason)) => assert!(reason.contains(limit), "{reason}"),
            other => panic!("{other:?}"),
        };
        limit(many(&ping, 257, &[]), "the limit is 256");
        limit(many(&ping, 2_000_000, &[]), "the limit is 256");
        // [[17, [{0: 0, 1: [..]}]]]: verdicts, and [[18, [{0: [..]}]]]: a page.
        let fork = minicbor::to_vec(Verdict::ActorFork { last_seq: 0 }).unwrap();
        limit(many(&fork, 1_000_000, &[0x81, 0x82, 0x11, 0x81, 0xa2, 0, 0, 1]), "the limit is 2000");
        let wipe = minicbor::to_vec(Entry::Wipe).unwrap();
        limit(many(&wipe, 2_000_000, &[0x81, 0x82, 0x12, 0x81, 0xa5, 0]), "the limit is 65536");
        // [[0, [{1: [..]}]]]: a hello that can do two million things.
        limit(many(&[0x60], 2_000_000, &[0x81, 0x82, 0, 0x81, 0xa5, 1]), "the limit is 64");
        let bomb = zstd::bulk::compress(&vec![0; 9 * 1024 * 1024], 19).unwrap();
        assert!(matches!(decode_frame(&[&[CODEC_ZSTD], bomb.as_slice()].concat()), Err(BadFrame::Unreadable(_))));
        assert_eq!(decode_frame(&[7]), Err(BadFrame::UnknownCodec(7)));
    }
}

/// `docs/protocol.md` shows golden bytes: each block behind `<!-- golden: name -->` is that file.
#[test]
fn the_documentation_shows_the_golden_bytes() {
    let text = include_str!("../../docs/protocol.md");
    let mut shown = 0;
    for block in text.split("<!-- golden: ").skip(1) {
        let (name, rest) = block.split_once(" -->").unwrap();
        let hex = rest.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
        let file = std::fs::read_to_string(path_of(name)).unwrap();
        // In the documentation a comment may also follow the digits of a line.
        let digits: String = hex.lines().map(|line| line.split(" #").next().unwrap_or(line)).map(|line| format!("{line}\n")).collect();
        assert_eq!(to_hex(&from_hex(&digits)), to_hex(&from_hex(&file)), "{name}");
        shown += 1;
    }
    assert!(shown >= 6, "{shown}");
}

/// The constants in the documentation are those of the code.
#[test]
fn the_documentation_names_every_limit_and_code() {
    let text = include_str!("../../docs/protocol.md");
    use crate::record::change as limits;
    let numbers = [
        ("MAX_FRAME_BYTES", MAX_FRAME_BYTES as u64),
        ("MAX_FRAME_PLAIN_BYTES", MAX_FRAME_PLAIN_BYTES as u64),
        ("MAX_FRAME_MESSAGES", MAX_FRAME_MESSAGES as u64),
        ("MAX_PUSH_CHANGES", MAX_PUSH_CHANGES as u64),
        ("MAX_PAGE_ENTRIES", MAX_PAGE_ENTRIES as u64),
        ("MAX_CAPABILITIES", MAX_CAPABILITIES as u64),
        ("MAX_SUBSCRIPTIONS", MAX_SUBSCRIPTIONS as u64),
        ("MAX_SUBSCRIBED_KINDS", MAX_SUBSCRIBED_KINDS as u64),
        ("PAGE_BYTES", PAGE_BYTES),
        ("MAX_AHEAD_MS", MAX_AHEAD_MS as u64),
        ("COMPRESS_FROM_BYTES", COMPRESS_FROM_BYTES as u64),
        ("MAX_CHANGE_BYTES", limits::MAX_CHANGE_BYTES as u64),
        ("MAX_CHANGE_OPS", limits::MAX_CHANGE_OPS as u64),
        ("MAX_CHANGE_DEPS", limits::MAX_CHANGE_DEPS as u64),
        ("MAX_CHANGE_ACTORS", limits::MAX_CHANGE_ACTORS as u64),
        ("MAX_COUNTER", limits::MAX_COUNTER),
    ];
    for (name, value) in numbers {
        assert!(text.contains(&format!("| `{name}` | {value} |")), "| `{name}` | {value} |");
    }
    use code::*;
    for code in [
        MALFORMED,
        INADMISSIBLE,
        FORBIDDEN,
        UNKNOWN_FIELD,
        BAD_VALUE,
        FROZEN,
        WRONG_RECORD,
        FOREIGN_ACTOR,
        AHEAD,
        ARCHIVED,
        DECLINED,
        RETURNED,
        AMENDED,
        REWRITTEN,
        WITHDRAWN,
        REVOKED,
        ERASED,
        SEAL,
    ] {
        assert!(text.contains(&format!("| `{code}` |")), "{code}");
    }
}
